"""A start that fails for a reason that a person can remove: out of order on lamps and page with its sentence, and tried again."""

import contextlib
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from kiosk import config
from kiosk.core.model import DeviceState
from kiosk.core.ports import KioskError, Signal, StoreError
from kiosk.core.status import CheckStatus, StatusSnapshot
from kiosk.credentials.trust.files import ListError
from kiosk.health import Measurements, evaluate
from kiosk.health.probes import probe_disk_free_bytes, probe_read_only
from kiosk.storage import IncompatibleDatabaseError
from kiosk.system import atomic_files, logs, status_file
from kiosk.system.clock import SystemClock
from kiosk.system.instance_lock import InstanceLockedError, acquire_run_dir_lock
from kiosk.system.systemd import SystemdNotifier
from kiosk.system.wakeup import WakeupPipe

log = logging.getLogger(__name__)

RETRY_INTERVAL_S = 2.0
_Built = TypeVar("_Built")


class RunDirError(KioskError):
    """The folder in memory cannot be used: full, read-only, or not ours."""


def open_run_dir(run_dir: Path, exit_stack: ExitStack) -> None:
    """Make the folder in memory where systemd did not, lock it, remove drafts of an earlier process, and log into it.

    Raises RunDirError, and InstanceLockedError where another kiosk uses the folder.
    """
    try:
        with ExitStack() as opened:
            run_dir.mkdir(parents=True, exist_ok=True)
            acquire_run_dir_lock(run_dir, opened)
            atomic_files.remove_drafts(run_dir)
            opened.callback(status_file.remove_status, run_dir)
            opened.enter_context(logs.log_file_handler(run_dir))
            status_file.probe_writable(run_dir)
            exit_stack.push(opened.pop_all())
    except OSError as error:
        raise RunDirError(f"run_dir {run_dir} cannot be used: {error.strerror}.") from error


def try_open_run_dir(run_dir: Path, exit_stack: ExitStack) -> bool:
    """`open_run_dir`, where that is possible. Raises InstanceLockedError."""
    try:
        open_run_dir(run_dir, exit_stack)
    except RunDirError as error:
        log.error("%s", error)
        return False
    return True


def build_with_retry(
    build: Callable[[ExitStack], _Built],
    settings: config.Settings,
    signal: Signal,
    *,
    wakeup: WakeupPipe,
    notifier: SystemdNotifier,
    exit_stack: ExitStack,
) -> _Built | None:
    """What `build` returns, as soon as it succeeds. None where a stop was requested before. `exit_stack` takes over its cleanup.

    Disk and run folder are tried again always. Other errors end a kiosk that systemd did not start, and the terminal shows them.
    Raises KioskError.
    """
    last = ""
    while not wakeup.stop_requested:
        try:
            with ExitStack() as attempt:
                built = build(attempt)
                exit_stack.push(attempt.pop_all())
                signal.set_idle_state(DeviceState.STARTING)
                return built
        except (KioskError, OSError) as error:
            if not is_retried(error, under_systemd=notifier.is_enabled):
                raise
            signal.set_idle_state(DeviceState.OUT_OF_ORDER)
            publish_start_failure(settings, start_failure(settings, error))
            if str(error) != last:
                log.error("out-of-order: %s; the start is tried again until it succeeds", error)
                notifier.notify_ready(f"out-of-order: {error}")
            last = str(error)
        notifier.ping_watchdog()
        wakeup.wait(RETRY_INTERVAL_S)
    return None


def is_retried(error: Exception, *, under_systemd: bool) -> bool:
    """Whether the start is tried again after this error."""
    if isinstance(error, InstanceLockedError):
        return False
    is_of_disk = isinstance(error, StoreError | RunDirError | OSError) and not isinstance(
        error, IncompatibleDatabaseError
    )
    return under_systemd or is_of_disk


def start_failure(settings: config.Settings, error: Exception) -> Measurements:
    """The health check that names the cause."""
    if isinstance(error, StoreError):
        path = settings.storage.path
        return Measurements(
            store_error=str(error),
            disk_read_only=probe_read_only(path),
            disk_free_bytes=probe_disk_free_bytes(path),
            disk_min_free_bytes=settings.storage.min_free_bytes,
        )
    if isinstance(error, ListError):
        return Measurements(start_error=str(error), start_error_kind="lists")
    if isinstance(error, RunDirError):
        return Measurements(start_error=str(error), start_error_kind="run-dir")
    return Measurements(start_error=str(error), start_error_kind="failed")


def publish_start_failure(settings: config.Settings, measurements: Measurements) -> None:
    """Show the page that the kiosk is out of order, and why."""
    now_at = SystemClock().now().utc_at.isoformat(timespec="milliseconds")
    snapshot = StatusSnapshot(
        version=version("entrance-kiosk"),
        site=settings.site.site,
        device=settings.site.device,
        pid=os.getpid(),
        started_at=now_at,
        now_at=now_at,
        state=DeviceState.OUT_OF_ORDER,
        epoch="",
        seq=0,
        checks=tuple(check for check in evaluate(measurements) if check.status is CheckStatus.FAIL),
    )
    with contextlib.suppress(OSError):  # a full run directory: the lamp shows it, and the log of systemd
        status_file.publish_status(snapshot, settings.run_dir)
