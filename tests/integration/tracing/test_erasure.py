"""A person asks what is stored, and for erasure: gone at the centre, then on each device, with a certificate."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.ingest.database import Query, open_query
from mqtt.centre.remote.schema import prepare_remote
from mqtt.centre.remote.sending import expire_commands, save_hello, take_commands
from mqtt.centre.remote.store import save_reply
from mqtt.centre.schema_parts import is_postgres
from mqtt.centre.tracing.erasure.forgetting import forget_on_devices
from mqtt.remote.commands import HelloMessage, ReplyMessage, ReplyState
from tests.fakes.centre.traced_events import Station, city_time
from tests.integration.tracing.conftest import MORNING

PERIOD = ("--since", city_time(MORNING - timedelta(days=1)), "--until", city_time(MORNING + timedelta(days=1)))
FLEET_KEY = Ed25519PrivateKey.generate()
ALL, NO_FORGET = ("pause", "forget"), ("pause",)


def find_person(station: Station, purpose: str, document: str = "046190000001") -> str:
    """The number of an answered question about this person."""
    case = station.open_case(purpose=purpose)
    done = station.run(
        "person", str(case), "--document", document, *PERIOD, account="tracer-19753", key=station.folder / "key.pem"
    )
    assert done.exit_code == 0, done.output
    return done.output.rsplit(maxsplit=1)[-1]


def erase(station: Station) -> str:
    """Erase one person. Returns the number of the case."""
    question = find_person(station, "erasure")
    done = station.run("erase", question, account="tracer-19753")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("2 passages are erased")
    return question


def sealed_of(query: Query) -> dict[str, bytes]:
    """What is sealed, by the id of the event."""
    rows = query("SELECT id, sealed FROM event")
    ids = [one["id"] if isinstance(one["id"], UUID) else UUID(bytes=one["id"]) for one in rows]
    return {str(id_): bytes(row["sealed"]) for id_, row in zip(ids, rows, strict=True)}


def say_hello(station: Station, wire_name: str, commands: tuple[str, ...] = ALL) -> None:
    """The device connects."""
    now = datetime.now(UTC)
    with open_query(station.database) as query:
        save_hello(query, wire_name, HelloMessage(session="0" * 32, at=now, commands=commands), now)


def take_forgets(station: Station, now: datetime | None = None) -> dict[str, tuple[str, list[str]]]:
    """The order and the ids that each connected device gets."""
    with open_query(station.database) as query:
        messages = take_commands(query, FLEET_KEY, "entrance", now or datetime.now(UTC))
        rows = query("SELECT id, device, arguments FROM remote_command WHERE state = 'sent'")
    assert len(messages) <= len(rows)
    return {row["device"]: (row["id"], json.loads(row["arguments"])["ids"]) for row in rows}


def reply(station: Station, wire_name: str, order_id: str, state: ReplyState = ReplyState.DONE) -> None:
    now = datetime.now(UTC)
    code = None if state is ReplyState.DONE else "failed"
    with open_query(station.database) as query:
        save_reply(query, wire_name, ReplyMessage(id=order_id, state=state, at=now, code=code), now)


@pytest.fixture
def erased(station: Station) -> str:
    """The number of a case that erased one person."""
    prepare_remote(station.database)
    return erase(station)


def test_a_person_gets_what_is_stored_about_them_and_nothing_about_others(station: Station, tmp_path: Path) -> None:
    question = find_person(station, "access")
    done = station.run("results", question, "--out", str(tmp_path / "access.csv"), account="tracer-19753")
    assert done.exit_code == 0
    text = (tmp_path / "access.csv").read_text(encoding="utf-8-sig")
    assert "TÔN NỮ THỊ BƯỞI" in text
    assert "LÊ VĂN ỔI" not in text


@pytest.mark.parametrize("purpose", ["access", "erasure"])
def test_a_case_for_one_person_asks_about_no_place_and_no_contacts(station: Station, purpose: str) -> None:
    case = station.open_case(purpose=purpose)
    for words in (("place", str(case), "--site", "dong-ba"), ("contacts", str(case), "--document", "046190000001")):
        done = station.run(*words, *PERIOD, account="tracer-19753", key=station.folder / "key.pem")
        assert (done.exit_code, "can only ask where that person was" in done.output) == (1, True)


@pytest.mark.parametrize("purpose", ["access", "contacts"])
def test_only_a_case_for_erasure_erases(station: Station, purpose: str) -> None:
    question = find_person(station, purpose)
    assert station.run("erase", question, account="tracer-19753").exit_code == 1
    with open_query(station.database) as query:
        assert all(sealed_of(query).values()) is False, "reversals have nothing sealed"
        assert query("SELECT * FROM trace_erasure") == []


def test_the_person_is_gone_and_all_others_and_all_counts_stay(station: Station) -> None:
    with open_query(station.database) as query:
        before, counts = (
            sealed_of(query),
            query("SELECT * FROM hourly ORDER BY device, hour, direction, result, reason"),
        )
    prepare_remote(station.database)
    erase(station)
    with open_query(station.database) as query:
        after = sealed_of(query)
        gone = {id_ for id_ in before if before[id_] and not after[id_]}
        assert {row["event_id"] for row in query("SELECT event_id FROM trace_erasure")} == gone
        assert query("SELECT * FROM hourly ORDER BY device, hour, direction, result, reason") == counts
        assert "erase" in {row.entry.what for row in read_audit(query)}
        assert query("SELECT * FROM trace_question") == []
    assert len(gone) == 2
    assert all(after[id_] == before[id_] for id_ in before if id_ not in gone)
    assert list(station.case_keys.iterdir()) == []
    if not is_postgres(station.database):
        files = b"".join(path.read_bytes() for path in Path(station.database).parent.glob("centre.db*"))
        assert all(before[id_] not in files for id_ in gone)
        assert all(before[id_] in files for id_ in before if before[id_] and id_ not in gone)


def test_a_device_that_was_away_for_a_week_forgets_when_it_connects(station: Station, erased: str) -> None:
    with open_query(station.database) as query:
        query("UPDATE device SET state = 'offline' WHERE device = 'gate-2'")
    for wire_name in ("dong-ba/gate-1", "dong-ba/gate-2"):
        say_hello(station, wire_name)
    for day in range(8):
        forget_on_devices(station.database, datetime.now(UTC) + timedelta(days=day))
    orders = take_forgets(station)
    assert list(orders) == ["dong-ba/gate-1"]
    reply(station, "dong-ba/gate-1", orders["dong-ba/gate-1"][0])
    shown = station.run("certificate", erased, "--language", "en")
    assert shown.exit_code == 1
    assert "dong-ba/gate-2 | 1 | 0 | not yet" in shown.output
    with open_query(station.database) as query:
        query("UPDATE device SET state = 'ready'")
    say_hello(station, "dong-ba/gate-2")
    forget_on_devices(station.database, datetime.now(UTC))
    order, ids = take_forgets(station)["dong-ba/gate-2"]
    with open_query(station.database) as query:
        wanted = query("SELECT event_id FROM trace_erasure WHERE wire_name = 'dong-ba/gate-2'")
    assert ids == [row["event_id"] for row in wanted]
    reply(station, "dong-ba/gate-2", order)
    shown = station.run("certificate", erased, "--language", "en")
    assert (shown.exit_code, "All devices have erased them too." in shown.output) == (0, True)


@pytest.mark.parametrize("how", ["failed", "expired"])
def test_a_device_that_failed_is_asked_again(station: Station, erased: str, how: str) -> None:
    now = datetime.now(UTC)
    say_hello(station, "dong-ba/gate-1")
    assert forget_on_devices(station.database, now) == 1
    assert forget_on_devices(station.database, now) == 0, "it has been asked"
    order, _ = take_forgets(station)["dong-ba/gate-1"]
    if how == "failed":
        reply(station, "dong-ba/gate-1", order, ReplyState.FAILED)
    else:
        with open_query(station.database) as query:
            expire_commands(query, now + timedelta(hours=2))
    assert forget_on_devices(station.database, now + timedelta(hours=2)) == 1


def test_a_release_that_cannot_forget_is_not_asked(station: Station, erased: str) -> None:
    say_hello(station, "dong-ba/gate-1", NO_FORGET)
    assert forget_on_devices(station.database, datetime.now(UTC)) == 0
    assert station.run("certificate", erased).exit_code == 1


def test_a_certificate_is_printed_and_names_no_person(station: Station, erased: str, tmp_path: Path) -> None:
    assert station.run("certificate", erased, "--out", str(tmp_path / "certificate.pdf")).exit_code == 1
    assert (tmp_path / "certificate.pdf").read_bytes().startswith(b"%PDF")
    shown = station.run("certificate", erased)
    assert "046190000001" not in shown.output
    assert "17/QĐ-UBND" in shown.output


def test_a_breach_sheet_says_what_a_stolen_thing_could_show(station: Station) -> None:
    one = station.run("breach", "--device", "dong-ba/gate-2").output.splitlines()
    day = f"{MORNING:%Y-%m-%d}"
    assert len(one) == 2
    assert one[0].startswith("dong-ba/gate-2: 2 events sealed to key ")
    assert one[0].endswith(f"{day} to {day}")
    everything = station.run("breach").output
    assert "together: 9 events of 3 sites, 1 keys" in everything
    assert "dong-ba/gate-1: 1 events without a person" in everything
    unknown = station.run("breach", "--device", "dong-ba/gate-9")
    assert (unknown.exit_code, "the centre knows no device" in unknown.output) == (1, True)
