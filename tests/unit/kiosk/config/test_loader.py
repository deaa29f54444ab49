"""Configuration loader: all mistakes of a file at once, each with a message and a suggestion."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk import config
from tests.examples import examples
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


def write_config(folder: Path, text: str) -> Path:
    path = folder / "kiosk.toml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str) -> str:
    with pytest.raises(config.ConfigError) as error:
        config.load_settings(write_config(folder, text))
    return str(error.value)


def test_the_smallest_file_uses_defaults_for_all_other_settings(tmp_path: Path) -> None:
    found = config.load_settings(write_config(tmp_path, SMALLEST))
    assert found.camera.source == "picamera2"
    assert found.mqtt.tls is True


def test_relative_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    found = config.load_settings(write_config(tmp_path, SMALLEST))
    assert found.keys.sealing_public_key == tmp_path / "centre.pem"
    assert found.run_dir == Path("/run/entrance-kiosk")


def test_all_mistakes_are_reported_at_once_with_suggestions(tmp_path: Path) -> None:
    message = mistakes(tmp_path, SMALLEST.replace("site = ", "sitte = ") + '[gpio]\ngren = 4\nred = "x"\n[mqttt]\n')
    for sentence in (
        "site.site: missing",
        "site.sitte: no such setting; did you mean 'site'?",
        "gpio.gren: no such setting; did you mean 'green'?",
        "gpio.red: ",
        "mqttt: no such setting; did you mean 'mqtt'?",
    ):
        assert sentence in message
    assert "5 mistakes" in message


def test_a_toml_syntax_error_is_reported_with_its_line(tmp_path: Path) -> None:
    assert "line 1" in mistakes(tmp_path, "[site\n")


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match="cannot be read: No such file"):
        config.load_settings(tmp_path / "nothing.toml")


def test_a_file_that_is_too_large_is_rejected_before_it_is_parsed(tmp_path: Path) -> None:
    assert "larger than" in mistakes(tmp_path, "#" * (config.MAX_CONFIG_BYTES + 1))


def test_a_name_that_cannot_be_a_topic_is_rejected(tmp_path: Path) -> None:
    assert "site.device" in mistakes(tmp_path, SMALLEST.replace("gate-1", "gate/+/#"))


def test_two_outputs_on_one_pin_are_a_mistake(tmp_path: Path) -> None:
    assert "gpio.red and gpio.green are both on pin 17" in mistakes(tmp_path, SMALLEST + "[gpio]\nred = 17\n")


@pytest.mark.parametrize("name", ["buzzer", "relay", "admit_button", "undo_button", "presence_sensor"])
def test_an_unconnected_pin_is_none(tmp_path: Path, name: str) -> None:
    found = config.load_settings(write_config(tmp_path, f'{SMALLEST}[gpio]\n{name} = "none"\n'))
    assert getattr(found.gpio, name) is None
    message = mistakes(tmp_path, f'{SMALLEST}[gpio]\n{name} = "no"\n')
    assert f"gpio.{name}: a pin number, or \"none\" where there is none; found 'no'." in message


@pytest.mark.parametrize("name", ["green", "red", "amber"])
def test_no_lamp_can_be_left_out(tmp_path: Path, name: str) -> None:
    assert f"gpio.{name}: " in mistakes(tmp_path, f'{SMALLEST}[gpio]\n{name} = "none"\n')


def test_the_commented_example_is_valid() -> None:
    example = PROJECT / "docs/reference/files/kiosk.example.toml"
    assert config.load_settings(example).site.site == "cho-dong-ba"


def test_opening_hours_are_checked_when_the_file_is_read(tmp_path: Path) -> None:
    assert "mon-fri 07:30-17:00" in mistakes(tmp_path, SMALLEST + '[access]\nopening_hours = ["mon-fry 7-17"]\n')


VALUES = st.recursive(
    st.integers() | st.text(max_size=5) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@settings(max_examples=examples(60))
@given(
    tree=st.dictionaries(st.sampled_from(["site", "camera", "keys", "zz"]) | st.text(max_size=8), VALUES, max_size=4)
)
def test_any_tree_gives_settings_or_error_messages(tree: dict[str, object]) -> None:
    with pytest.raises(config.ConfigError) as error:  # [site] and [keys] are required
        config.parse_settings(tree, Path("any.toml"))
    assert error.value.errors
