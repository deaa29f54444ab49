"""Pictures of the pages for docs/images/: states, sizes, languages, light and dark. Needs chromium."""

import dataclasses
import random
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kiosk.core.model import DeviceState, Outcome, Reason
from kiosk.storage import SqliteEventStore
from tests.fakes.data.access_events import an_event
from tests.fakes.data.status_snapshots import a_status, answers, publish
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser
from tests.fakes.processes.web_process import served
from web_ui.kiosk.data.hourly_counts import HOURS

PICTURES = Path("docs/images")
# Passages in each hour of a market's day, from local midnight on.
CROWD = (0, 0, 0, 1, 6, 22, 41, 48, 36, 30, 24, 27, 18, 12, 20, 26, 33, 44, 30, 12, 5, 2, 1, 0)


@dataclasses.dataclass(frozen=True, slots=True)
class Picture:
    """One picture: what is shown, on which screen."""

    name: str
    path: str
    state: DeviceState
    answered_s_ago: float
    width: int
    height: int
    scheme: str
    locale: str
    whole: bool = False
    """The whole page instead of the window."""


ALL = (
    Picture("status-ready-vi", "", DeviceState.READY, 40.0, 1440, 900, "light", "vi-VN", whole=True),
    Picture("status-degraded-en-dark", "", DeviceState.DEGRADED, 1.0, 1440, 900, "dark", "en-GB", whole=True),
    Picture("status-out-of-order-phone-vi", "", DeviceState.OUT_OF_ORDER, 40.0, 390, 844, "light", "vi-VN"),
    Picture("guard-pass-vi", "guard", DeviceState.READY, 0.2, 390, 844, "dark", "vi-VN"),
    Picture("guard-fail-en", "guard", DeviceState.READY, -6.8, 390, 844, "dark", "en-GB"),
    Picture("welcome-ready-vi", "welcome", DeviceState.READY, 40.0, 800, 480, "dark", "vi-VN"),
    Picture("welcome-fail-vi", "welcome", DeviceState.READY, -6.8, 800, 480, "dark", "vi-VN"),
    Picture("report-vi", "report", DeviceState.READY, 40.0, 1280, 800, "light", "vi-VN", whole=True),
    Picture("guard-ready-vi", "guard", DeviceState.READY, 40.0, 390, 844, "dark", "vi-VN"),
)


def a_day(path: Path) -> None:
    """A database with a day of synthetic people."""
    dice, now = random.Random(7), datetime.now(UTC)
    store = SqliteEventStore(path)
    number = 0
    for hour in range(HOURS):
        at = now - timedelta(hours=HOURS - 1 - hour)
        for _ in range(CROWD[(at.hour + 7) % 24]):
            number += 1
            outcome = dice.choices(list(Outcome), weights=(93, 5, 2))[0]
            reason = Reason.OK if outcome is Outcome.PASS else Reason.EXPIRED
            moment = min(now, at + timedelta(seconds=dice.uniform(-1700, 1700)))
            passage = dataclasses.replace(an_event(number), occurred_at=moment, outcome=outcome, reason=reason)
            store.commit(passage)
    store.close()


def shoot(browser: Browser, url: str, run_dir: Path, picture: Picture) -> None:
    """Publish the state and take the picture; a negative age shows an earlier answer of the queue."""
    now = datetime.now(UTC)
    shown = answers(now, picture.answered_s_ago)
    shown = tuple(answer for answer in shown if datetime.fromisoformat(answer.at) <= now)
    publish(run_dir, a_status(picture.state, now=now, recent_decisions=shown))
    options = {"viewport": {"width": picture.width, "height": picture.height}}
    with browser.new_context(color_scheme=picture.scheme, locale=picture.locale, **options) as context:
        page = context.new_page()
        page.goto(url + picture.path)
        page.screenshot(path=PICTURES / f"{picture.name}.png", full_page=picture.whole)


def main() -> None:
    """Take them all."""
    if browsers.missing():
        sys.exit(browsers.missing())
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browsers.chromium() as browser:
        run_dir = Path(folder)
        a_day(run_dir / "events.db")
        publish(run_dir, a_status())
        with served("--run-dir", run_dir, "--database", run_dir / "events.db") as (url, _):
            for picture in ALL:
                shoot(browser, url, run_dir, picture)


if __name__ == "__main__":
    main()
