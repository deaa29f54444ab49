"""What the pages read for each response: the daemon's status and the database."""

from datetime import UTC, datetime
from typing import Any

from flask import current_app

from kiosk.system.status_file import STATUS_FILE
from web_ui.i18n.formatting import LocaleFormatter
from web_ui.kiosk.data import daemon_status
from web_ui.kiosk.data.hourly_counts import HourlyCounts
from web_ui.kiosk.pages import citizen, guard, status
from web_ui.settings import WebSettings

_EXTENSION = "kiosk-view"


class KioskView:
    """One kiosk as the pages see it. Any thread."""

    def __init__(self, settings: WebSettings) -> None:
        self.settings = settings
        self.hourly_counts = HourlyCounts(settings.database, settings.zone)

    def now(self) -> datetime:
        """The present time, UTC."""
        return datetime.now(UTC)

    def daemon_status(self) -> daemon_status.DaemonStatus:
        """The daemon's status and its age."""
        return daemon_status.read_daemon_status(self.settings.run_dir)

    def snapshot_version(self) -> object:
        """A value that changes with each new status."""
        try:
            found = (self.settings.run_dir / STATUS_FILE).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def formatter(self, language: str) -> LocaleFormatter:
        """The formatter of that language at this site."""
        return LocaleFormatter(language, self.settings.zone)

    def status_values(self, language: str) -> dict[str, Any]:
        """Values of the status page."""
        now = datetime.now(UTC)
        return status.status_context(
            self.daemon_status(), self.hourly_counts.last_day(now), self.formatter(language), now
        )

    def guard_values(self, language: str) -> dict[str, Any]:
        """Values of the guard's screen."""
        return guard.guard_context(
            self.daemon_status(), self.formatter(language), datetime.now(UTC), self.settings.place
        )

    def citizen_values(self, language: str) -> dict[str, Any]:
        """Values of the screen for people at the gate."""
        settings = self.settings
        return citizen.citizen_context(
            self.daemon_status(), self.formatter(language), datetime.now(UTC), settings.place, settings.opening_hours
        )


def kiosk_view_extension(view: KioskView) -> dict[str, Any]:
    """Entry of `Flask.extensions`, for `kiosk_view()`."""
    return {_EXTENSION: view}


def kiosk_view() -> KioskView:
    """That of the present application."""
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, KioskView)
    return found
