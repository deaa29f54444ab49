"""Entry point of the daemon for systemd: `python -m kiosk.app.start --config FILE`.

`kiosk run` does the same in a shell. It imports click and searches for commands of other packages. This would cost the
daemon 3 MB of memory (docs/decisions/0029).
"""

import argparse
import logging
import os
import sys
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from kiosk import config
from kiosk.app.builders.configuration import ConfigurationControl
from kiosk.app.trial_deadline import TrialDeadline
from kiosk.core import file_names
from kiosk.core.ports import KioskError
from kiosk.system import status_file
from kiosk.system.clock import SystemClock
from kiosk.system.instance_lock import InstanceLockedError
from kiosk.system.logs import configure_logging
from mqtt.remote.configuration import TrialCode

log = logging.getLogger(__name__)


def run_from_config(path: Path, source: str | None = None) -> bool:
    """Run the kiosk until SIGTERM. `source`: another camera than the configured one. Raises KioskError.

    True: the caller starts the program again. This device was enrolled, forgot its enrolment, or has another configuration.
    """
    with closing(ConfigurationControl(path, SystemClock())) as configuration:
        settings = configuration.start()
        if source is not None:
            camera = config.camera_with_source(source, settings.camera)
            settings = settings.model_copy(update={"camera": camera})
        if _reset_if_requested(settings):
            return True
        if not settings.is_enrolled:
            from kiosk.app import unenrolled  # noqa: PLC0415  needs ssl and http

            return unenrolled.run_until_enrolled(settings, path)
        return _run_named(settings, () if source is None else ("camera.source",), configuration)


def _run_named(settings: config.Settings, overridden: Collection[str], configuration: ConfigurationControl) -> bool:
    """Run the daemon. An error while a configuration is on trial ends the trial. Raises KioskError."""
    from kiosk.app import daemon  # noqa: PLC0415  slow to import: mistakes in the file are reported before

    deadline = TrialDeadline(configuration, SystemClock(), lambda: last_failures(settings.run_dir), run_again)
    deadline.start()
    try:
        return daemon.run_daemon(settings, overridden, configuration=configuration)
    except InstanceLockedError:
        raise
    except KioskError as error:
        if configuration.deadline_s is None:
            raise
        log.error("%s", error)
        configuration.end_trial(TrialCode.NOT_STARTED, str(error))
        return True
    finally:
        deadline.close()


def last_failures(run_dir: Path) -> str:
    """The failing checks that the kiosk published last, for a report."""
    checks = (status_file.read_status(run_dir) or {}).get("checks", [])
    return "; ".join(
        f"{check['code']}: {check['detail'] or check['reason']}" for check in checks if check.get("status") == "fail"
    )


def _reset_if_requested(settings: config.Settings) -> bool:
    """Forget the enrolment if a person asked for it. True: done. Raises KioskError."""
    is_requested = (settings.enrolment.folder / file_names.ENROLMENT_RESET).exists()
    takes_back = settings.uses_enrolment and not settings.storage.path.exists()
    if not is_requested and not takes_back:
        return False
    from kiosk.enrolment import reset  # noqa: PLC0415  happens once or twice in the life of a device

    site, database = settings.site, settings.storage.path
    try:
        if is_requested and (settings.uses_enrolment or not settings.is_enrolled):
            reset.forget_enrolment(settings.enrolment.folder, database, site.site, site.device)
            return True
        if takes_back:
            reset.adopt_database(database, site.site, site.device)
    except OSError as error:
        raise KioskError(f"the enrolment in {settings.enrolment.folder} cannot be changed: {error.strerror}") from error
    return False


def run_again() -> NoReturn:
    """Start this program again in the same process, with the memory of a new one. systemd sees no change."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  the same program


def main() -> None:
    """Run the daemon. A KioskError is printed without a traceback, and the exit status is 1."""
    parser = argparse.ArgumentParser(
        prog="python -m kiosk.app.start", description="Run the kiosk until SIGTERM.", allow_abbrev=False
    )
    parser.add_argument("--config", type=Path, default=config.DEFAULT_PATH, metavar="FILE")
    parser.add_argument("--camera", metavar="SOURCE", help="instead of the configured one")
    options = parser.parse_args()
    configure_logging()
    try:
        changed = run_from_config(options.config, options.camera)
    except KioskError as error:
        sys.exit(f"kiosk: {error}")
    if changed:
        run_again()


if __name__ == "__main__":
    main()
