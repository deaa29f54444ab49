"""The configuration: every mistake at once, in words, with what was perhaps meant."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk import config
from tests.paths import PROJECT

SMALLEST = """
[site]
site = "cho-dong-ba"
device = "gate-1"
[keys]
sealing_public_key = "centre.pem"
pseudonym_key = "pseudonym.key"
trust_list = "trust.cbor"
root_public_key = "root.pem"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "kiosk.toml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str) -> str:
    with pytest.raises(config.ConfigError) as error:
        config.load_settings(written(folder, text))
    return str(error.value)


def test_the_smallest_file_takes_defaults_for_all_the_rest(tmp_path: Path) -> None:
    found = config.load_settings(written(tmp_path, SMALLEST))
    assert found.camera.source == "picamera2"
    assert found.mqtt.tls is True


def test_relative_paths_start_at_the_files_own_folder(tmp_path: Path) -> None:
    found = config.load_settings(written(tmp_path, SMALLEST))
    assert found.keys.sealing_public_key == tmp_path / "centre.pem"
    assert found.run_dir == Path("/run/entrance-kiosk")


def test_every_mistake_is_told_at_once_with_what_was_meant(tmp_path: Path) -> None:
    told = mistakes(tmp_path, SMALLEST.replace("site = ", "sitte = ") + '[gpio]\ngren = 4\nred = "x"\n[mqttt]\n')
    for sentence in (
        "site.site: missing",
        "site.sitte: no such setting; did you mean 'site'?",
        "gpio.gren: no such setting; did you mean 'green'?",
        "gpio.red: ",
        "mqttt: no such setting; did you mean 'mqtt'?",
    ):
        assert sentence in told
    assert "5 mistakes" in told


def test_what_is_not_toml_is_told_with_its_line(tmp_path: Path) -> None:
    assert "line 1" in mistakes(tmp_path, "[site\n")


def test_a_file_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match="cannot be read: No such file"):
        config.load_settings(tmp_path / "nothing.toml")


def test_a_huge_file_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    assert "larger than" in mistakes(tmp_path, "#" * (config.MAX_CONFIG_BYTES + 1))


def test_a_name_that_cannot_be_a_topic_is_refused(tmp_path: Path) -> None:
    assert "site.device" in mistakes(tmp_path, SMALLEST.replace("gate-1", "gate/+/#"))


def test_two_outputs_on_one_pin_are_a_mistake(tmp_path: Path) -> None:
    assert "gpio.red and gpio.green are both on pin 17" in mistakes(tmp_path, SMALLEST + "[gpio]\nred = 17\n")


@pytest.mark.parametrize("name", ["buzzer", "relay", "admit_button", "undo_button", "presence_sensor"])
def test_what_is_not_wired_is_said_in_a_word(tmp_path: Path, name: str) -> None:
    found = config.load_settings(written(tmp_path, f'{SMALLEST}[gpio]\n{name} = "none"\n'))
    assert getattr(found.gpio, name) is None
    told = mistakes(tmp_path, f'{SMALLEST}[gpio]\n{name} = "no"\n')
    assert f"gpio.{name}: a pin number, or \"none\" where there is none; found 'no'." in told


@pytest.mark.parametrize("name", ["green", "red", "amber"])
def test_no_lamp_can_be_left_out(tmp_path: Path, name: str) -> None:
    assert f"gpio.{name}: " in mistakes(tmp_path, f'{SMALLEST}[gpio]\n{name} = "none"\n')


def test_files_that_are_named_and_missing_are_all_told(tmp_path: Path) -> None:
    found = config.load_settings(written(tmp_path, SMALLEST))
    told = "\n".join(config.missing_file_errors(found))
    for name in ("keys.sealing_public_key", "keys.pseudonym_key", "keys.trust_list"):
        assert f"{name}: {tmp_path}" in told


def test_the_commented_example_is_good() -> None:
    example = PROJECT / "docs/reference/files/kiosk.example.toml"
    assert config.load_settings(example).site.site == "cho-dong-ba"


def test_opening_hours_are_checked_when_they_are_read(tmp_path: Path) -> None:
    assert "mon-fri 07:30-17:00" in mistakes(tmp_path, SMALLEST + '[access]\nopening_hours = ["mon-fry 7-17"]\n')


VALUES = st.recursive(
    st.integers() | st.text(max_size=5) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@settings(max_examples=300)
@given(
    tree=st.dictionaries(st.sampled_from(["site", "camera", "keys", "zz"]) | st.text(max_size=8), VALUES, max_size=4)
)
def test_any_tree_is_settings_or_sentences_and_nothing_else(tree: dict[str, object]) -> None:
    with pytest.raises(config.ConfigError) as error:  # without [site] and [keys] nothing can be good
        config.parse_settings(tree, Path("any.toml"))
    assert error.value.errors
