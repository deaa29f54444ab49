"""Checks a whole configuration before it is used: by the code that will use it, and all findings at once.

`kiosk check-config`, `kiosk doctor` and the installer ask here, so that each says what the daemon would do.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from kiosk import config
from kiosk.app.builders.preflight.certificates import check_broker_files, check_web_files
from kiosk.app.builders.preflight.findings import Finding, Severity, finding_message
from kiosk.app.builders.preflight.keys import check_keys, check_lists
from kiosk.app.builders.preflight.paths import check_paths
from kiosk.config.conflicts import find_conflicts

__all__ = ["Finding", "Severity", "check_settings", "finding_message"]


def check_settings(settings: config.Settings, now_at: datetime | None = None) -> Iterator[Finding]:
    """Everything that is wrong with the files and values of valid settings. Reads files, changes nothing, asks for nothing.

    A device that is not enrolled has no keys, lists and certificate yet.
    """
    now_at = now_at or datetime.now(UTC)
    yield from check_paths(settings)
    if settings.is_enrolled:
        yield from check_keys(settings)
        yield from check_lists(settings, now_at)
        yield from check_broker_files(settings, now_at)
    yield from check_web_files(settings, now_at)
    for conflict in find_conflicts(settings):
        yield Finding(f"conflict.{conflict.code}", Severity.NOTICE, conflict.settings, conflict.values)
