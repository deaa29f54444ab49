"""Desired settings of a small city: the nearest counts, each change is checked for all devices, and each device gets its own."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from kiosk.cli.centre.command import centre
from kiosk.config.overlay.changeable import check_values, parse_assignment
from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.configuration.scopes import StoredValue, by_scope, effective_values, parse_scope, plain_values
from mqtt.centre.configuration.sending import ConfigurationSender, has_devices_to_configure, read_reports, save_report
from mqtt.centre.ingest.database import open_query
from mqtt.centre.remote.sending import save_hello
from mqtt.remote.commands import HelloMessage
from mqtt.remote.configuration import ConfigurationReport, DesiredMessage, TrialState, values_sha256
from mqtt.remote.signature import OrderUse, open_order
from tests.fakes.centre.city import CITY, WARD_A, make_city
from tests.fakes.parts.commands import FLEET_KEY, SESSION

NOW = datetime(2026, 11, 28, 8, tzinfo=UTC)
ONE, TWO, OTHER_WARD = "dong-ba/gate-1", "dong-ba/gate-2", "vy-da/gate-1"
REASON = ["--requested-by", "An", "--reason", "the market is small"]


class City:
    """The database of a small city, and what a running centre sends."""

    def __init__(self, folder: Path) -> None:
        self.database = str(folder / "centre.db")
        make_city(self.database, NOW)
        self.sender = ConfigurationSender()

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(centre, ["--database", self.database, "config", *arguments])

    def set(self, *arguments: str) -> Result:
        return self.run("set", *arguments, *REASON)

    def show(self, device: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("show", device, "--json").output)
        return found

    def values(self, device: str) -> dict[str, Any]:
        return {name: one["value"] for name, one in self.show(device)["values"].items()}

    def hello(self, device: str, **report: Any) -> None:
        """The device connects and says what it has."""
        found = ConfigurationReport(**({"sha256": values_sha256({})} | report))
        hello = HelloMessage(session=SESSION, at=NOW, configuration=found)
        with open_query(self.database) as query:
            save_hello(query, device, hello, NOW)
            save_report(query, device, found, NOW)

    def sent(self) -> dict[str, DesiredMessage]:
        """What the centre sends now, by topic."""
        with open_query(self.database) as query:
            messages = self.sender.take(query, FLEET_KEY, "entrance", NOW + timedelta(seconds=5))
        found = {}
        for message in messages:
            payload = open_order([FLEET_KEY.public_key()], OrderUse.CONFIGURATION, message.payload)
            assert payload is not None
            found[message.topic] = DesiredMessage.from_payload(payload)
        return found


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path)


def test_the_nearest_value_counts_and_each_is_shown_with_its_place(city: City) -> None:
    for where, capacity in (
        (["--city"], 1),
        (["--area", CITY], 2),
        (["--area", WARD_A], 3),
        (["--site", "dong-ba"], 4),
    ):
        assert city.set(f"access.capacity={capacity}", *where).exit_code == 0
    assert city.set("access.capacity=5", "camera.rotation=180", "--device", ONE).exit_code == 0
    assert [city.values(one).get("access.capacity") for one in (ONE, TWO, "phu-xuan/gate-1", OTHER_WARD, "ca-phe/gate-1")] == [
        5, 4, 3, 2, 2,
    ]  # fmt: skip
    text = city.run("show", TWO).output
    assert "access.capacity = 4  from the site Chợ Đông Ba, cli:An" in text
    assert "from the area Thành phố Huế" in city.run("show", OTHER_WARD).output
    assert "unknown" in city.show(ONE)["state"]
    assert city.run("unset", "access.capacity", "--device", ONE, *REASON).output == "Changed for 1 device.\n"
    assert city.values(ONE) == {"access.capacity": 4, "camera.rotation": 180}


def test_a_change_that_any_device_would_refuse_is_not_taken_at_all(city: City) -> None:
    assert city.set("gpio.admit_button=4", "--device", TWO).exit_code == 0
    done = city.set("gpio.relay=4", "access.capacity=9", "--site", "dong-ba")
    assert done.exit_code == 1
    assert "dong-ba/gate-2: gpio." in done.output
    assert "are both on pin 4" in done.output
    assert city.values(ONE) == {}
    with open_query(city.database) as query:
        assert len(read_audit(query)) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["access.capcity=4", "--city"], "did you mean 'access.capacity'?"),
        (["keys.trust_list=a", "--city"], "changed in the file of the device only"),
        (["access.capacity=4"], "Name one of --city, --area, --site and --device"),
        (["access.capacity=4", "--city", "--site", "dong-ba"], "Name one of"),
        (["access.capacity=4", "--area", "99"], "no area with the code 99"),
        (["access.capacity=4", "--site", "nowhere"], "knows no device in site nowhere"),
        (["access.capacity=4", "access.capacity=5", "--city"], "stands there twice"),
        (["access.capacity", "--city"], "is not NAME=VALUE"),
        (["mqtt.brokers=[]", "--city"], "mqtt.brokers"),
    ],
)
def test_a_wrong_change_says_what_is_wrong(city: City, arguments: list[str], sentence: str) -> None:
    done = city.set(*arguments)
    assert done.exit_code != 0
    assert sentence in done.output


def test_the_audit_and_the_history_say_who_changed_what_and_why(city: City) -> None:
    city.set("access.capacity=4", "--site", "dong-ba")
    city.set("access.capacity=5", "--site", "dong-ba")
    city.run("unset", "access.capacity", "--site", "dong-ba", *REASON)
    lines = city.run("history", "--device", ONE).output.splitlines()
    assert [line.partition("access.capacity: ")[2] for line in lines] == [
        "5 -> not set (the market is small)", "4 -> 5 (the market is small)", "not set -> 4 (the market is small)",
    ]  # fmt: skip
    assert "cli:An the site Chợ Đông Ba" in lines[0]
    assert city.run("history", "--device", OTHER_WARD).output == ""
    assert len(city.run("history").output.splitlines()) == 3
    with open_query(city.database) as query:
        entries = [row.entry for row in read_audit(query)]
        assert (entries[0].what, entries[0].about) == ("change-configuration", "site dong-ba: -access.capacity")
        assert entries[0].area != 0


def test_a_connected_device_gets_what_it_lacks_once_and_signed(city: City) -> None:
    city.hello(ONE)
    assert city.sent() == {}
    city.set("access.capacity=4", "--site", "dong-ba")
    (message,) = city.sent().values()
    assert (message.device, message.session, message.values) == (ONE, SESSION, {"access.capacity": 4})
    assert (message.origins, message.changed_by) == ({"access.capacity": "site dong-ba"}, "cli:An")
    assert city.sent() == {}
    city.hello(ONE, sha256=values_sha256({"access.capacity": 4}))
    assert city.sent() == {}
    assert city.show(ONE)["state"] == "in-force"
    with open_query(city.database) as query:
        assert not has_devices_to_configure(query)


def test_a_device_that_comes_back_later_gets_it_then(city: City) -> None:
    city.set("access.capacity=4", "--city")
    assert city.sent() == {}
    city.hello(TWO)
    assert [one.device for one in city.sent().values()] == [TWO]


@pytest.mark.parametrize(("state", "code"), [(TrialState.ROLLED_BACK, "no-receipt"), (TrialState.REFUSED, "invalid")])
def test_what_failed_is_not_sent_again_until_a_person_says_so_or_changes_it(
    city: City, state: TrialState, code: str
) -> None:
    city.set("access.capacity=4", "--city")
    wanted = values_sha256({"access.capacity": 4})
    city.hello(ONE, tried_sha256=wanted, state=state, code=code, detail="x")
    assert city.sent() == {}
    done = city.run("status")
    assert (done.exit_code, done.output.startswith(f"{ONE}: ")) == (1, True)
    assert city.run("try-again", ONE).exit_code == 0
    assert len(city.sent()) == 1
    city.hello(ONE, tried_sha256=wanted, state=state, code=code)
    assert city.sent() == {}
    city.set("access.capacity=5", "--city")
    assert len(city.sent()) == 1


def test_while_it_is_tried_it_is_not_sent_and_what_passes_is_sent_after_the_next_hello(city: City) -> None:
    city.set("access.capacity=4", "--city")
    wanted = values_sha256({"access.capacity": 4})
    city.hello(ONE, tried_sha256=wanted, state=TrialState.ON_TRIAL)
    assert city.sent() == {}
    assert city.show(ONE)["state"] == "on-trial"
    for code in ("busy", "clock-unset", "disk", "expired"):
        city.hello(ONE, tried_sha256=wanted, state=TrialState.REFUSED, code=code)
        assert len(city.sent()) == 1
        assert city.sent() == {}


def test_after_all_values_are_taken_back_a_device_gets_an_empty_configuration(city: City) -> None:
    city.set("access.capacity=4", "--city")
    city.hello(ONE, sha256=values_sha256({"access.capacity": 4}))
    city.run("unset", "access.capacity", "--city", *REASON)
    (message,) = city.sent().values()
    assert message.values == {}


def test_counters_rise_over_commands_and_configurations(city: City) -> None:
    counters = []
    for capacity in (4, 5, 6):
        city.set(f"access.capacity={capacity}", "--city")
        city.hello(ONE)
        counters += [one.counter for one in city.sent().values()]
    assert counters == sorted(set(counters))
    assert len(counters) == 3


def test_what_was_changed_on_the_device_is_shown(city: City) -> None:
    city.set("camera.width=1920", "--city")
    city.hello(ONE, sha256=values_sha256({"camera.width": 1920}), local={"camera.width": 640})
    text = city.run("show", ONE).output
    assert "camera.width = 640  set on the device itself" in text
    assert "(the device has another value)" in text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("access.capacity=200", 200),
        ("access.direction=in", "in"),
        ('access.direction="in"', "in"),
        ("access.daily_reset_at=03:00", "03:00"),
        ("gpio.active_high = true", True),
        ('mqtt.brokers=["a:8883", "b:8883"]', ["a:8883", "b:8883"]),
        ("access.capacity=null", None),
        ("site.title=Chợ Đông Ba", "Chợ Đông Ba"),
        ("site.title=", ""),
        ("site.title=1234", "1234"),
        ("access.capacity=", None),
        ("access.status_classes=[1, 2]", [1, 2]),
        ("visit.repeat_window_s=8.5", 8.5),
    ],
)
def test_values_are_written_as_in_the_file_and_texts_also_without_quotes(text: str, value: Any) -> None:
    assert parse_assignment(text)[1] == value


SCOPES = ["city", "area 1", "area 2", "site s", "device s/d"]


@given(st.dictionaries(st.tuples(st.sampled_from(SCOPES), st.sampled_from("ab")), st.integers(), max_size=8))
def test_for_any_values_the_nearest_scope_that_has_one_counts(given_values: dict[tuple[str, str], int]) -> None:
    stored = [StoredValue(scope, name, value, "", NOW, "") for (scope, name), value in given_values.items()]
    found = plain_values(effective_values(by_scope(stored), map(parse_scope, SCOPES)))
    for name in "ab":
        nearest = [given_values[scope, name] for scope in reversed(SCOPES) if (scope, name) in given_values]
        assert found.get(name) == (nearest[0] if nearest else None)


def test_the_check_of_the_centre_is_that_of_the_device() -> None:
    check: Callable[[dict[str, Any]], list[str]] = check_values
    assert check({"access.capacity": 0}) == ["access.capacity: Input should be greater than or equal to 1; found 0."]


def test_a_device_that_never_said_anything_cannot_try_again(city: City) -> None:
    assert city.run("try-again", ONE).exit_code == 1
    with open_query(city.database) as query:
        assert read_reports(query) == []
