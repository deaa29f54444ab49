"""A real device and a real centre over a real broker: a person is erased while the device is away, and it catches up."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.core.model import AccessEvent
from kiosk.delivery.remote import CommandResult
from mqtt.centre.ingest.database import open_query
from mqtt.centre.tracing.erasure.certificate import ErasureCertificate, read_certificate
from mqtt.centre.tracing.erasure.forgetting import forget_on_devices
from mqtt.remote.command_guard import AcceptedCommand
from mqtt.remote.commands import CommandName, ForgetArguments
from tests.fakes.centre.city import make_city
from tests.fakes.centre.traced_events import BUOI, OI, Station, Step, city_time, event_of, seal_of, write_key
from tests.fakes.processes.broker import Broker
from tests.integration.remote.test_commands import Fleet

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
PERIOD = ("--since", city_time(NOW - timedelta(hours=1)), "--until", city_time(NOW + timedelta(hours=1)))
STEPS = (Step(BUOI, 0), Step(OI, 5), Step(BUOI, 20, "out"), Step(OI, 30, "out"))


class ForgettingFleet(Fleet):
    """Its device does what it is asked to forget."""

    def act(self, command: AcceptedCommand) -> CommandResult:
        if command.name is CommandName.FORGET:
            assert isinstance(command.arguments, ForgetArguments)
            return CommandResult(count=self.store.forget_events(command.arguments.ids))
        return super().act(command)


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("events.db*"))


def erase(station: Station) -> int:
    """Erase one person under a case. Returns its number."""
    case = station.open_case(purpose="erasure")
    words = ("person", str(case), "--document", "046190000001", *PERIOD)
    done = station.run(*words, account="tracer-19753", key=station.folder / "key.pem")
    question = done.output.rsplit(maxsplit=1)[-1]
    erased = station.run("erase", question, account="tracer-19753")
    assert erased.output.startswith("2 passages are erased"), erased.output
    return case


def certificate(station: Station, case: int) -> ErasureCertificate:
    forget_on_devices(station.database, datetime.now(UTC))
    with open_query(station.database) as query:
        return read_certificate(query, case)


@pytest.mark.timeout(600)
def test_a_device_that_was_away_when_a_person_was_erased_forgets_them_when_it_is_back(tmp_path: Path) -> None:
    station, device = Station(str(tmp_path / "centre.db"), tmp_path), tmp_path / "device"
    device.mkdir()
    make_city(station.database, NOW)
    seal = seal_of(write_key(tmp_path / "key.pem"))
    events: list[AccessEvent] = [
        event_of(number, seal, NOW + timedelta(minutes=step.minute), step) for number, step in enumerate(STEPS, 1)
    ]
    gone, kept = [events[0], events[2]], [events[1], events[3]]
    with Broker() as broker:
        with ForgettingFleet(device, broker, station.database) as fleet:
            fleet.store.commit_all(events)
            fleet.until(lambda: len(fleet.rows("SELECT id FROM event")) == len(events))
            fleet.until(lambda: fleet.store.backlog_size() == 0)
        with open_query(station.database) as query:
            query("UPDATE device SET state = 'offline'")
        case = erase(station)
        assert all(event.sealed in on_disk(device) for event in events), "it is away and has not heard of it"
        assert not certificate(station, case).is_done
        with ForgettingFleet(device, broker, station.database) as fleet:
            fleet.until(lambda: certificate(station, case).is_done)
    left = on_disk(device)
    assert all(event.sealed not in left and event.pseudonym not in left for event in gone)
    assert all(event.sealed in left for event in kept)
    with open_query(station.database) as query:
        rows = query("SELECT sealed FROM event")
    assert sorted(len(row["sealed"]) > 0 for row in rows) == [False, False, True, True]
