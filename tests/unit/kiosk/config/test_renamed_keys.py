"""A file with old names gets one message per key, together with all other errors."""

import tomllib
from pathlib import Path

import pytest

from kiosk import config
from kiosk.config import renamed_keys
from kiosk.config.schema import Section, Settings

OLD_FILE = """
[site]
root = "entrance"
site = "cho-dong-ba"
device = "gate-1"
[reading]
budget_share = 0.5
[signal]
pins = "gpio"
green = 4
relay_s = 0.5
presence = 7
[signal.patterns]
look_again_hz = 784
pass_hz = 1760
[visit]
window_s = 5.0
timezone = "Asia/Ho_Chi_Minh"
direction = "in"
[policy]
opens = ["mon-fri 07:30-17:00"]
stale_lists = "fail"
[records]
floor_bytes = 1000
[broker]
host = "mqtt.hue.example"
port = 8884
delivery = "centre"
[keys]
centre = "centre.pem"
pseudonym = "pseudonym.key"
trust_list = "trust.cbor"
root = "root.pem"
[page]
names = ["kiosk.local"]
"""
MESSAGES = """
site.root: this key is now mqtt.topic_prefix.
reading.budget_share: this key is now decoding.budget_share.
signal.pins: this key is now gpio.pin_factory. Its value "gpio" is now "lgpio".
signal.green: this key is now gpio.green.
signal.relay_s: this key is now gpio.relay_pulse_s.
signal.presence: this key is now gpio.presence_sensor.
signal.patterns.look_again_hz: this key is now gpio.patterns.check_again_hz.
signal.patterns.pass_hz: this key is now gpio.patterns.pass_hz.
visit.window_s: this key is now visit.repeat_window_s.
visit.timezone: this key is now site.timezone.
visit.direction: this key is now access.direction.
policy.opens: this key is now access.opening_hours.
policy.stale_lists: this key is now access.on_stale_lists. Its value "fail" is now "deny".
records.floor_bytes: this key is now storage.min_free_bytes.
broker.host: this key is now mqtt.brokers. Write brokers = ["mqtt.hue.example:8884"].
broker.port: this key is now mqtt.brokers. Write brokers = ["mqtt.hue.example:8884"].
broker.delivery: this key is now mqtt.acknowledge_by.
keys.centre: this key is now keys.sealing_public_key.
keys.pseudonym: this key is now keys.pseudonym_key.
keys.root: this key is now keys.root_public_key.
page.names: this key is now web.allowed_hosts.
""".strip().splitlines()


def errors(text: str) -> list[str]:
    with pytest.raises(config.ConfigError) as raised:
        config.parse_settings(tomllib.loads(text), Path("kiosk.toml"))
    return raised.value.errors


def names(section: type[Section], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in section.model_fields.items():
        nested = isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        found |= names(field.annotation, f"{prefix}{name}.") if nested else {f"{prefix}{name}"}  # type: ignore[arg-type]
    return found


def test_an_old_file_gets_one_message_per_renamed_key_and_no_other() -> None:
    assert errors(OLD_FILE) == MESSAGES


def test_other_errors_are_reported_too_with_the_new_names() -> None:
    text = OLD_FILE.replace("relay_s = 0.5", "relay_s = 99\ngren = 5").replace('root = "root.pem"\n', "")
    found = errors(text)
    assert [each for each in MESSAGES if "keys.root" not in each] == found[: len(MESSAGES) - 1]
    assert sorted(each.split(":")[0] for each in found[len(MESSAGES) - 1 :]) == [
        "gpio.gren",
        "gpio.relay_pulse_s",
        "keys.root_public_key",
    ]


def test_an_empty_section_with_an_old_name_is_reported() -> None:
    keys = '[keys]\nsealing_public_key = "a"\npseudonym_key = "b"\ntrust_list = "c"\nroot_public_key = "d"\n'
    text = f'[site]\nsite = "market"\ndevice = "gate-1"\n{keys}[signal]\n'
    assert errors(text) == ["signal: this section is now [gpio]."]


def test_if_both_names_are_set_the_new_one_counts() -> None:
    found, messages = renamed_keys.translate({"visit": {"window_s": 5.0, "repeat_window_s": 6.0}})
    assert found == {"visit": {"repeat_window_s": 6.0}}
    assert messages == ["visit.window_s: this key is now visit.repeat_window_s."]


def test_a_file_with_the_new_names_is_unchanged() -> None:
    tree = {"site": {"site": "market"}, "gpio": {"patterns": {"pass_hz": 1760}}, "access": {}, "other": [{"a": 1}]}
    assert renamed_keys.translate(tree) == (tree, [])


def test_every_new_name_in_the_tables_is_a_setting() -> None:
    assert set(renamed_keys.KEYS.values()) <= names(Settings)
    assert set(renamed_keys.VALUES) <= names(Settings)
    assert set(renamed_keys.SECTIONS.values()) <= set(Settings.model_fields)
    assert not set(renamed_keys.KEYS) & names(Settings)
