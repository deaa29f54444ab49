"""The administrator's pages with a real daemon, broker and centre: camera aiming, log, configuration, quarantine."""

import base64
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import cv2
import numpy as np
import pytest

from kiosk.core.model import Reason
from kiosk.decoding.still_image import decode_image
from kiosk.simulation.demo import Demo
from kiosk.storage import SqliteEventStore
from tests.fakes.data.access_events import an_event
from tests.fakes.parts.web_accounts import PASSWORD
from tests.fakes.processes.demo_web_client import Reader, demo_with_accounts, poll_until


@pytest.fixture
def demonstration() -> Iterator[Demo]:
    with demo_with_accounts(loop=True) as found:
        yield found


def administrator(demonstration: Demo) -> Reader:
    found = Reader(demonstration.page_url)
    found.log_in("admin", PASSWORD)
    return found


def test_an_administrator_uses_preview_log_and_configuration_while_people_pass(demonstration: Demo) -> None:
    with demonstration:
        poll_until(demonstration, lambda found: found["state"] == "ready")
        admin = administrator(demonstration)
        status, html = admin.ask("POST", "/admin/aiming", csrf=admin.token("/admin"))
        assert status == 200, html
        found = re.search(r'href="data:image/jpeg;base64,([^"]+)"', html)
        assert found
        luma = cv2.imdecode(np.frombuffer(base64.b64decode(found[1]), np.uint8), cv2.IMREAD_GRAYSCALE)
        assert luma is not None
        assert decode_image(np.asarray(luma, np.uint8)) == ()
        assert "command capture-preview from process" in admin.ask("GET", "/admin/log?level=info")[1]
        assert "runs with the settings of the file" in admin.ask("GET", "/admin/configuration")[1]
        decisions = len(demonstration.decisions)
        poll_until(demonstration, lambda _: len(demonstration.decisions) > decisions)


def refusals(demonstration: Demo) -> list[tuple[str, int]]:
    """Reason and number of rejections in the database of the kiosk."""
    with closing(sqlite3.connect(demonstration.sandbox.database)) as reader:
        return reader.execute("SELECT reason, times FROM quarantine JOIN rejection_count USING (seq)").fetchall()


def test_a_rejected_event_is_shown_sent_again_and_rejected_again(demonstration: Demo) -> None:
    with demonstration:
        poll_until(demonstration, lambda found: found["state"] == "ready")
        kiosk = demonstration.processes["kiosk"]
        kiosk.kill()
        store = SqliteEventStore(demonstration.sandbox.database)
        poison = store.commit(replace(an_event(1), code_bytes=2_000_000, reason=Reason.UNKNOWN_CODE))
        store.close()
        kiosk.start()
        poll_until(demonstration, lambda found: found["outbox"]["quarantined"] == 1)
        admin = administrator(demonstration)
        html = admin.ask("GET", "/admin/quarantine")[1]
        assert str(poison.event.id) in html
        ((why, times),) = refusals(demonstration)
        assert why in html
        assert times == 1
        for rejections, seq in enumerate((str(poison.seq), "all"), 2):
            assert admin.send("/admin", "/admin/quarantine", seq=seq) == 200
            poll_until(demonstration, lambda _, rejections=rejections: refusals(demonstration) == [(why, rejections)])  # type: ignore[misc]  # a default binds the loop's value
        assert admin.send("/admin", "/admin/quarantine", seq=str(poison.seq + 10_000)) == 409
