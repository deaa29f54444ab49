"""Values that only their user can judge, and files as editors save them: the loader says what is wrong, all at once."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from kiosk import config
from kiosk.config.loader import FORMS
from kiosk.config.toml_file import TomlError, parse_toml
from kiosk.system.translations import languages
from tests.examples import examples
from tests.unit.kiosk.config.test_loader import SMALLEST, mistakes, write_config

ZONES = {
    "Asia/Hanoi": 'Did you mean "Asia/Ho_Chi_Minh"?',
    "+07:00": 'Did you mean "Asia/Ho_Chi_Minh"?',
    "GMT+7": 'Did you mean "Asia/Ho_Chi_Minh"?',
    "asia/ho_chi_minh": 'Did you mean "Asia/Ho_Chi_Minh"?',
    "Europe/Berln": 'Did you mean "Europe/Berlin"?',
    "Asia": "is not a time zone",
    "../../etc/passwd": "is not a time zone",
    "/etc/localtime": "is not a time zone",
    "": "is not a time zone",
    "x" * 5000: "is not a time zone",
}


def with_site(line: str) -> str:
    return SMALLEST.replace("[keys]", f"{line}\n[keys]")


@pytest.mark.parametrize("zone", ZONES)
def test_a_time_zone_that_cannot_be_loaded_is_refused_with_a_suggestion(tmp_path: Path, zone: str) -> None:
    message = mistakes(tmp_path, with_site(f'timezone = "{zone}"'))
    assert "site.timezone: " in message
    assert ZONES[zone] in message


@pytest.mark.parametrize("zone", ["Asia/Ho_Chi_Minh", "Asia/Saigon", "UTC", "Etc/GMT-7", "Europe/Berlin"])
def test_a_time_zone_of_this_system_is_accepted(tmp_path: Path, zone: str) -> None:
    assert config.load_settings(write_config(tmp_path, with_site(f'timezone = "{zone}"'))).site.timezone == zone


def test_a_language_is_one_that_has_a_catalogue(tmp_path: Path) -> None:
    for language in languages():
        found = config.load_settings(write_config(tmp_path, with_site(f'language = "{language}"')))
        assert found.site.language == language
    message = mistakes(tmp_path, with_site('language = "xx"'))
    assert f"site.language: 'xx' has no catalogue. Known here: {', '.join(languages())}." in message


HOURS = {
    "mon-fry 07:30-17:00": "'fry' is not a day: did you mean 'fri'?",
    "T2-T6 07:00-17:00": "The days are mon, tue, wed, thu, fri, sat, sun.",
    "monday-friday 07:00-17:00": "did you mean 'mon'?",
    "mon-fri 7-17": "Write hours and minutes: 07:30, at most 24:00.",
    "mon-fri 07h00-17h00": "Write hours and minutes",
    "mon-fri 07:00-24:01": "at most 24:00",
    "mon-fri 07:00–17:00": "Write the short hyphen: -.",
    "mon-fri 07:00 - 17:00": "Leave out the blanks around the hyphen.",
    "mon-fri 07:00-17:00,sat 08:00-12:00": "Write one text for each",
    "07:00-17:00": "Write days and hours",
    "": "Write days and hours",
    "mon ": "Write days and hours",
    "mon open": "Write the hours.",
}


@pytest.mark.parametrize("text", HOURS)
def test_opening_hours_in_another_spelling_get_a_sentence_with_what_to_write(tmp_path: Path, text: str) -> None:
    message = mistakes(tmp_path, f'{SMALLEST}[access]\nopening_hours = ["{text}"]\n')
    assert "access.opening_hours: " in message
    assert HOURS[text] in message


def test_wrong_hosts_are_refused_with_what_to_write(tmp_path: Path) -> None:
    text = (
        SMALLEST + '[mqtt]\nbrokers = ["mqtt://h:1883"]\n[web]\nhost = "[::]"\nallowed_hosts = ["https://kiosk.lan"]\n'
    )
    message = mistakes(tmp_path, text)
    assert "3 mistakes" in message
    assert "mqtt.brokers: 'mqtt://h:1883' has more than a host. Write only \"h\", and 1883 as the port." in message
    assert "web.host: '[::]' has brackets. Write \"::\"." in message
    assert "web.allowed_hosts: 'https://kiosk.lan' has more than a host. Write only \"kiosk.lan\"." in message


@pytest.mark.parametrize(
    ("section", "key"),
    [("mqtt", "ca"), ("mqtt", "certificate"), ("web", "key"), ("web", "state_dir"), ("storage", "path")],
)
@pytest.mark.parametrize("value", ["", " ", "a\\u0000b"])
def test_an_empty_path_is_refused(tmp_path: Path, section: str, key: str, value: str) -> None:
    assert f"{section}.{key}: is empty." in mistakes(tmp_path, f'{SMALLEST}[{section}]\n{key} = "{value}"\n')


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.strip().replace("\n", "\r\n").encode())
    assert config.load_settings(path).site.device == "gate-1"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_another_encoding_gets_one_clear_sentence(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_bytes(SMALLEST.encode(encoding))
    with pytest.raises(config.ConfigError, match="Save it again with the encoding UTF-8"):
        config.load_settings(path)


def test_a_byte_that_is_not_utf_8_is_reported_with_its_line() -> None:
    with pytest.raises(TomlError, match="line 2 has the byte 0xe9"):
        parse_toml(b"a = 1\n# caf\xe9\n")


def test_quotation_marks_of_a_word_processor_are_named() -> None:
    with pytest.raises(TomlError, match="straight quotation marks"):
        parse_toml("[site]\nsite = “cho”\n".encode())


@pytest.mark.parametrize(
    "text", ["a = " + "9" * 5000, "a = " + "[" * 50_000, "a." * 30_000 + "b = 1", "a = {" + "b." * 9000]
)
def test_a_hostile_file_is_refused_at_once(text: str) -> None:
    began_s = time.monotonic()
    with pytest.raises(TomlError):
        parse_toml(text.encode())
    assert time.monotonic() - began_s < 2.0


@settings(max_examples=examples(60))
@given(st.binary(max_size=200) | st.text("[]{}=.\"'#\n a1", max_size=200).map(str.encode))
def test_any_bytes_give_a_tree_or_one_sentence(raw: bytes) -> None:
    said = ""
    try:
        parse_toml(raw)
    except TomlError as error:
        said = str(error)
    assert not said or said.startswith("is not ")


@pytest.mark.parametrize(
    ("brokers", "sentence"),
    [
        ("[]", "mqtt.brokers: "),
        ('["h"]', "is not host:port"),
        ('["h:1", "h:1"]', "stands there twice"),
        ('["h:1", "[h]:2"]', "is not an IPv6 address"),
        ('"h:1"', "mqtt.brokers: "),
    ],
)
def test_a_list_of_brokers_that_cannot_be_used_gets_a_sentence(tmp_path: Path, brokers: str, sentence: str) -> None:
    assert sentence in mistakes(tmp_path, f"{SMALLEST}[mqtt]\nbrokers = {brokers}\n")


def test_one_text_where_a_list_is_needed_is_refused_with_an_example(tmp_path: Path) -> None:
    message = mistakes(tmp_path, f'{SMALLEST}\n[mqtt]\nbrokers = "broker.example:8883"\n')
    assert "mqtt.brokers: a list in square brackets is needed" in message
    assert "broker.example:8883" in message


def _patterns(section: type[BaseModel], place: str = "") -> Iterator[tuple[str, str]]:
    """Dotted name and pattern of each setting that has one."""
    for name, field in section.model_fields.items():
        for part in [field.annotation, *get_args(field.annotation)]:
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _patterns(part, f"{place}{name}.")
        for one in [*field.metadata, *(more for part in get_args(field.annotation) for more in get_args(part)[1:])]:
            if isinstance(pattern := getattr(one, "pattern", None), str):
                yield f"{place}{name}", pattern


def test_a_value_of_a_wrong_form_is_answered_in_words_and_never_with_a_pattern() -> None:
    found = dict(_patterns(config.Settings))
    assert len(found) >= 5
    for place, pattern in found.items():
        assert place in FORMS or "a-z0-9-" in pattern, place
        assert "\\" not in FORMS.get(place, "")
    assert FORMS.keys() <= found.keys()
    with pytest.raises(config.ConfigError, match="as in scanner:/dev/ttyACM0; found 'serial'"):
        config.parse_settings({"scanner": {"source": "serial"}}, Path("x.toml"))
