"""`kiosk centre status` over a fleet: the summary first, filters, areas of the registry, JSON. Both databases."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.centre.command import centre
from mqtt.centre.fleet.report import MAX_LISTED
from mqtt.centre.ingest.batch import ReceivedHealth
from mqtt.centre.ingest.database import open_ledger, open_query
from mqtt.centre.registry.store import import_files, prepare_registry
from mqtt.device_messages import MAX_FINDINGS, CheckResult, HealthMessage
from mqtt.topics import DeviceTopics
from tests.fakes.data.access_events import EPOCH, an_event
from tests.fakes.data.arrivals import arrival_of
from tests.fakes.processes import postgres

NOW = datetime.now(UTC)
AREAS = """code,parent,kind,name_vi,name_en,since,until,merged_into
hue,,city,Huế,Hue,2020-01-01,,
old-ward,hue,ward,Phường cũ,Old ward,2020-01-01,2025-07-01,new-ward
other-ward,hue,ward,Phường khác,Other ward,2020-01-01,,
new-ward,hue,ward,Phường mới,New ward,2025-07-01,,
"""
SITES = """site,title,area,kind,since
market,Chợ,old-ward,market,2024-01-01
office,Trụ sở,other-ward,office,2024-01-01
"""
DEVICES = """device,site,title,since
depot/gate-9,market,Cổng 9,2024-01-01
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "centre.db")
    return postgres.fresh_database(request.getfixturevalue("server"), request.node.name[:60])


def status(database: str, *arguments: str) -> Result:
    return CliRunner().invoke(centre, ["--database", database, "status", *arguments])


def listed(result: Result) -> list[str]:
    """The devices of the list."""
    return [line.split(":")[0] for line in result.stdout.splitlines()[1:] if not line.startswith(" ")]


def health(backlog: int) -> HealthMessage:
    return HealthMessage(at=NOW, state="ready", clock_quality="unset", epoch=EPOCH, newest_seq=1, backlog=backlog)


def fill(database: str) -> None:
    """Four devices: one is right, one silent, one with gaps, one behind. The command reads the real clock."""
    now = datetime.now(UTC)
    with closing(open_ledger(database)) as ledger:
        for name, seqs, at in (
            ("market/gate-1", (1, 2), now),
            ("market/gate-2", (1,), now - timedelta(hours=1)),
            ("office/gate-1", (1, 4), now),
            ("depot/gate-9", (1,), now),
        ):
            device = DeviceTopics("entrance", *name.split("/"))
            ledger.record([arrival_of([(seq, an_event(seq)) for seq in seqs], at, branch=device)])
        behind = DeviceTopics("entrance", "depot", "gate-9")
        ledger.save_healths([ReceivedHealth(behind, health(backlog), now) for backlog in (3, 5000)])


def test_the_summary_comes_first_and_filters_choose_the_devices(database: str) -> None:
    fill(database)
    done = status(database)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0] == (
        "4 devices at 3 sites; 1 silent; 1 with gaps (2 events missing); 1 behind (5000 events waiting); "
        "0 with rejected events; states: 1 ready, 3 unknown"
    )
    assert listed(done) == ["depot/gate-9", "market/gate-1", "market/gate-2", "office/gate-1"]
    assert listed(status(database, "--silent")) == ["market/gate-2"]
    assert listed(status(database, "--gaps")) == ["office/gate-1"]
    assert listed(status(database, "--behind")) == ["depot/gate-9"]
    assert listed(status(database, "--gaps", "--behind")) == ["depot/gate-9", "office/gate-1"]
    assert listed(status(database, "--site", "market")) == ["market/gate-1", "market/gate-2"]
    assert "5000 events wait in the device" in status(database, "--site", "depot").stdout
    assert status(database, "--site", "depot").exit_code == 0, "the others do not belong to it"
    assert "No device was found" in status(database, "--site", "nowhere").stderr


def test_an_area_has_the_sites_of_the_areas_below_it_and_of_those_that_were_merged_into_it(database: str) -> None:
    fill(database)
    assert "the registry has no area hue" in status(database, "--area", "hue").output
    prepare_registry(database)
    files = [(f"{name}.csv", text.encode()) for name, text in (("a", AREAS), ("s", SITES), ("d", DEVICES))]
    with open_query(database) as query:
        import_files(query, files, str)
    assert listed(status(database, "--area", "hue")) == [
        "depot/gate-9",
        "market/gate-1",
        "market/gate-2",
        "office/gate-1",
    ]
    assert listed(status(database, "--area", "new-ward")) == ["depot/gate-9", "market/gate-1", "market/gate-2"]
    assert listed(status(database, "--area", "other-ward", "--gaps")) == ["office/gate-1"]
    assert "the registry has no area x'y" in status(database, "--area", "x'y").output


def test_json_has_one_object_for_each_device_or_for_the_summary(database: str) -> None:
    fill(database)
    found = [json.loads(line) for line in status(database, "--json").stdout.splitlines()]
    assert [(one["device"], one["backlog"]) for one in found] == [
        ("gate-9", 5000), ("gate-1", 0), ("gate-2", 0), ("gate-1", 0)
    ]  # fmt: skip
    assert found[3]["streams"][0]["missing"] == [[2, 3]]
    (summary,) = (json.loads(line) for line in status(database, "--json", "--summary").stdout.splitlines())
    assert (summary["devices"], summary["silent"], summary["missing_events"]) == (4, 1, 2)


def test_of_a_large_fleet_only_what_is_wrong_is_listed(database: str) -> None:
    fill(database)
    with closing(open_ledger(database)) as ledger:
        fleet = [DeviceTopics("entrance", "school", f"gate-{number}") for number in range(MAX_LISTED)]
        now = datetime.now(UTC)
        ledger.record([arrival_of([(1, an_event(1))], now, branch=device) for device in fleet])
    assert listed(status(database)) == ["depot/gate-9", "market/gate-2", "office/gate-1"]
    assert len(listed(status(database, "--all"))) == MAX_LISTED + 4
    assert len(listed(status(database, "--site", "school"))) == MAX_LISTED


def test_a_release_that_was_taken_back_is_named_with_its_reason_until_it_is_acknowledged(database: str) -> None:
    device, now = DeviceTopics("entrance", "market", "gate-1"), datetime.now(UTC)
    returned = CheckResult(status="warn", reason="returned", detail="0.9.3 -> 0.9.2: trial: 3 restarts")
    trial = CheckResult(status="pass", reason="running", value=1500.0, unit="s")
    hostile = CheckResult(status="fail", detail="\x1b[31m\u202e")
    quiet = CheckResult(status="pass", value=1.0, unit="MB")

    def report(checks: dict[str, CheckResult]) -> str:
        with closing(open_ledger(database)) as ledger:
            message = health(0).model_copy(update={"checks": checks})
            ledger.save_healths([ReceivedHealth(device, message, now)])
        return status(database).stdout

    shown = report({"disk": quiet, "release": returned, "release-trial": trial, "camera": hostile})
    assert "  the device reports: release: returned (0.9.3 -> 0.9.2: trial: 3 restarts)\n" in shown
    assert "  the device reports: release-trial: running, 1500 s\n" in shown
    assert shown.index("camera: fail") < shown.index("release: returned")
    assert "disk" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "reports" not in report({"release": CheckResult(status="pass")})
    many = {f"check-{number}": CheckResult(status="warn", detail="x" * 64) for number in range(64)}
    assert report(many).count("the device reports") == MAX_FINDINGS
