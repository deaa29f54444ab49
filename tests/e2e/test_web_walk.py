"""The web UI with a real daemon, broker and centre: commands are executed and recorded, and the web UI never affects scanning."""

import http.client
import http.cookies
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from kiosk.simulation.demo import Demo
from tests.fakes.parts.web_accounts import PASSWORD, PIN
from tests.fakes.processes.demo_web_client import Reader, demo_with_accounts, poll_until

FLOODERS = 3


@pytest.fixture
def demonstration() -> Iterator[Demo]:
    with demo_with_accounts(loop=False) as found:
        yield found


def test_commands_of_guard_and_administrator_are_executed_by_the_daemon(demonstration: Demo) -> None:
    with demonstration:
        poll_until(demonstration, lambda found: found["state"] == "ready")
        guard, admin = Reader(demonstration.page_url), Reader(demonstration.page_url)
        guard.log_in("guard", PIN)
        before = demonstration.read_status()
        assert before
        assert guard.send("/guard/admit", "/guard/admit", direction="in", reason="nothing-to-show") == 302
        found = poll_until(
            demonstration, lambda found: any(one["reason"] == "manual" for one in found["recent_decisions"])
        )
        manual = next(one for one in found["recent_decisions"] if one["reason"] == "manual")
        assert (manual["outcome"], manual["direction"]) == ("pass", "in")
        admin.log_in("admin", PASSWORD)
        assert "By the guard" in admin.ask("GET", "/admin/events?reason=manual")[1]
        assert admin.send("/admin", "/admin/pause", reason="break", minutes="60") == 200
        poll_until(demonstration, lambda found: found["state"] == "out-of-order")
        assert admin.send("/admin", "/admin/command/resume") == 200
        poll_until(demonstration, lambda found: found["state"] == "ready")
        assert "cong-1" in admin.ask("GET", "/admin/configuration")[1]


def test_an_undo_of_the_guard_is_effective_at_the_gate_and_at_the_centre(demonstration: Demo) -> None:
    with demonstration:
        poll_until(demonstration, lambda found: found["state"] == "ready")
        guard, admin = Reader(demonstration.page_url), Reader(demonstration.page_url)
        guard.log_in("guard", PIN)
        admin.log_in("admin", PASSWORD)
        admin.send(
            "/admin", "/admin/pause", reason="break", minutes="60"
        )  # so that no other decision is made meanwhile
        poll_until(demonstration, lambda found: found["state"] == "out-of-order")
        guard.send("/guard/admit", "/guard/admit", direction="in", reason="assisted")
        before = poll_until(demonstration, lambda found: bool(found["undo"]) and found["undo"]["reason"] == "manual")
        shown = re.search(r'name="seq" value="(\d+)"', guard.ask("GET", "/guard/undo")[1])
        assert shown
        assert guard.send("/guard/undo", "/guard/undo", seq=shown[1], reason="mistake") == 302
        after = poll_until(demonstration, lambda found: found["undo"] is None)
        assert after["occupancy"] == before["occupancy"] - 1
        poll_until(demonstration, lambda found: found["outbox"]["backlog_size"] == 0)
        annulled = f"Child, elderly person, or someone who needs help · undone by record {int(shown[1]) + 1}"
        assert annulled in admin.ask("GET", "/admin/events")[1]
        with closing(sqlite3.connect(demonstration.sandbox.centre_database)) as centre:
            stored = centre.execute(
                "SELECT outcome, manual_reason, annuls IS NULL FROM event ORDER BY seq DESC LIMIT 2"
            ).fetchall()
            assert stored == [("check-again", "mistake", 0), ("pass", "assisted", 1)]
            assert centre.execute(
                "SELECT count(*) FROM effective_event WHERE reason IN ('manual', 'annulled')"
            ).fetchone() == (0,)


def test_a_flooded_and_killed_web_ui_does_not_affect_scanning(demonstration: Demo) -> None:
    stop = threading.Event()
    statuses: list[int] = []

    def flood() -> None:
        while not stop.is_set():
            with suppress(OSError, http.client.HTTPException):
                statuses.append(Reader(demonstration.page_url).ask("GET", "/")[0])

    killed: list[int] = []

    def kill_once(_: object) -> None:
        if len(demonstration.decisions) >= 4 and not killed:
            killed.append(len(demonstration.decisions))
            demonstration.processes["page"].kill()
            demonstration.processes["page"].start()

    with demonstration:
        threads = [threading.Thread(target=flood) for _ in range(FLOODERS)]
        for thread in threads:
            thread.start()
        try:
            demonstration.run_once(kill_once)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    verdict = demonstration.check_result()
    assert killed
    assert statuses.count(200) > FLOODERS
    assert verdict.lost == verdict.duplicated == 0
    assert verdict.as_expected == verdict.visitors
