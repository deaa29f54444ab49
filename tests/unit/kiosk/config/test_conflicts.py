"""Settings that contradict each other are found, and settings that fit together are not."""

from pathlib import Path

import pytest

from kiosk import config
from kiosk.app.builders.preflight import Finding, Severity, finding_message
from kiosk.config.conflicts import find_conflicts
from kiosk.system.translations import languages, translator

BASE: dict[str, dict[str, object]] = {
    "site": {"site": "cho", "device": "gate-1"},
    "keys": {"sealing_public_key": "a", "pseudonym_key": "b", "trust_list": "c", "root_public_key": "d"},
    "mqtt": {"certificate": "e", "key": "f"},
}
NONE_ACCEPTED: dict[str, object] = dict.fromkeys(
    ("accept_entry_pass", "accept_hcert", "accept_national", "accept_id_card", "accept_insurance"), "no"
)
DAY = ["mon-fri 07:30-17:00"]
NIGHT = ["mon-sun 18:00-02:00"]
CONTRADICTIONS: dict[str, tuple[str, dict[str, object]]] = {
    "reset-while-open": ("access", {"opening_hours": DAY, "daily_reset_at": "12:00"}),
    "reset-after-closing": ("access", {"opening_hours": NIGHT, "daily_reset_at": "03:00"}),
    "reset-always-open": ("access", {"opening_hours": ["mon-sun 00:00-24:00"]}),
    "capacity-entrance-only": ("access", {"capacity": 5, "direction": "in"}),
    "capacity-exit-only": ("access", {"capacity": 5, "direction": "out"}),
    "passback-alternating": ("access", {"anti_passback": "soft"}),
    "passback-one-way": ("access", {"anti_passback": "hard", "direction": "in"}),
    "no-kind": ("access", NONE_ACCEPTED),
    "classes-without-passes": ("access", {"status_classes": [1], "accept_entry_pass": "no"}),
    "denylist-without-passes": ("access", {"accept_entry_pass": "no", "accept_hcert": "no"}),
    "declaration-age-unused": ("access", {"declaration_max_age_h": 3}),
    "declaration-impossible": ("access", {"declaration": "all"}),
    "stale-without-age": ("access", {"on_stale_lists": "deny"}),
    "age-without-stale": ("access", {"lists_max_age_h": 24}),
    "undo-shorter-than-repeat": ("visit", {"undo_window_s": 5, "repeat_window_s": 8}),
    "undo-button-unused": ("visit", {"undo_window_s": 0}),
    "space-order": ("storage", {"low_space_bytes": 1_000_000}),
    "rows-below-retention": ("storage", {"max_rows": 1000}),
    "tls-files-unused": ("mqtt", {"tls": False, "brokers": ["localhost:1883"]}),
    "broker-without-tls": ("mqtt", {"tls": False, "brokers": ["mqtt.hue.vn:1883"]}),
    "tls-port": ("mqtt", {"brokers": ["localhost:1883"]}),
    "tls-without-certificate": ("mqtt", {"certificate": None, "key": None}),
    "web-key-unused": ("web", {"key": "k"}),
    "web-without-tls": ("web", {"host": "::"}),
    "pin-not-wired": ("gpio", {"relay_pulse_s": 2}),
    "timeout-below-frame": ("camera", {"timeout_s": 0.5, "frames_per_s": 1}),
}


def conflicts(section: str = "access", **values: object) -> dict[str, Finding]:
    tree = {name: dict(one) for name, one in BASE.items()}
    tree.setdefault(section, {}).update(values)
    if section == "visit":
        tree["gpio"] = {"undo_button": 6}
    if "accept_hcert" in values:
        tree["keys"]["denylist"] = "g"
    tree = {name: {key: value for key, value in one.items() if value is not None} for name, one in tree.items()}
    return {
        each.code: Finding(f"conflict.{each.code}", Severity.NOTICE, each.settings, each.values)
        for each in find_conflicts(config.parse_settings(tree, Path("any.toml")))
    }


@pytest.mark.parametrize("code", CONTRADICTIONS)
def test_a_contradiction_is_found_and_said_in_every_language(code: str) -> None:
    section, values = CONTRADICTIONS[code]
    finding = conflicts(section, **values)[code]
    for language in languages():
        text = finding_message(translator(language), finding)
        assert text.endswith((".", "certificate"))
        assert "conflict" not in text
        assert finding.settings[0] in text


def test_settings_without_a_contradiction_have_none() -> None:
    assert conflicts() == {}
    assert conflicts(opening_hours=DAY, capacity=50, declaration="verified") == {}
    assert conflicts("mqtt", brokers=["mqtt.hue.vn:8883"]) == {}
    assert conflicts("web", host="192.0.2.7", certificate="k") == {}


@pytest.mark.parametrize(
    ("hours", "reset", "code"),
    [
        ("mon-fri 07:30-17:00", "03:00", ""),
        ("mon-fri 07:30-17:00", "07:30", ""),
        ("mon-fri 07:30-17:00", "07:31", "reset-while-open"),
        ("mon-fri 07:30-17:00", "16:59", "reset-while-open"),
        ("mon-fri 07:30-17:00", "17:00", "reset-after-closing"),
        ("mon-fri 07:30-17:00", "18:59", "reset-after-closing"),
        ("mon-fri 07:30-17:00", "19:00", ""),
        ("mon-sun 18:00-05:00", "03:00", "reset-while-open"),
        ("mon-sun 18:00-02:00", "03:00", "reset-after-closing"),
        ("mon-sun 18:00-01:00", "03:00", ""),
        ("mon-sun 22:00-24:00", "01:30", "reset-after-closing"),
        ("mon-sun 08:00-08:00", "03:00", "reset-always-open"),
        ("sun 20:00-00:00", "03:00", ""),
    ],
)
def test_the_reset_has_to_be_while_the_site_is_closed_and_people_are_home(hours: str, reset: str, code: str) -> None:
    assert list(conflicts(opening_hours=[hours], daily_reset_at=reset)) == ([code] if code else [])
