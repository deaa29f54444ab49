"""Retries a start that fails for a reason that a person can remove. Meanwhile lamps and web UI show out of order and the reason."""

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
from kiosk.storage import IncompatibleDatabaseError, StoreCorruptError
from kiosk.system import atomic_files, logs, status_file
from kiosk.system.clock import SystemClock
from kiosk.system.instance_lock import InstanceLockedError, acquire_run_dir_lock
from kiosk.system.systemd import SystemdNotifier
from kiosk.system.wakeup import WakeupPipe

log = logging.getLogger(__name__)

RETRY_INTERVAL_S = 2.0
_Built = TypeVar("_Built")


class RunDirError(KioskError):
    """The run directory cannot be used: it is full, read-only, or belongs to another user."""


def open_run_dir(run_dir: Path, exit_stack: ExitStack) -> None:
    """Create the run directory if systemd did not, lock it, remove temporary files of an earlier process, and open the log file.

    Raises RunDirError, and InstanceLockedError if another kiosk uses the folder.
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
    """Try `open_run_dir`. False after a RunDirError, which is logged. Raises InstanceLockedError."""
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
    """Call `build` until it succeeds, and return its result. None if a stop was requested before. `exit_stack` gets its cleanup.

    Errors of disk and run directory are always retried. Other errors are raised if systemd did not start the kiosk, so that the
    terminal shows them. Raises KioskError.
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
    """True if the start is retried after this error."""
    if isinstance(error, InstanceLockedError):
        return False
    is_of_disk = isinstance(error, StoreError | StoreCorruptError | RunDirError | OSError) and not isinstance(
        error, IncompatibleDatabaseError
    )
    return under_systemd or is_of_disk


def start_failure(settings: config.Settings, error: Exception) -> Measurements:
    """Measurements whose health check names the cause."""
    if isinstance(error, StoreError | StoreCorruptError):
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
    """Publish the state out-of-order and its cause in status.json."""
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
    with contextlib.suppress(OSError):  # a full run directory: lamps and journal show it
        status_file.publish_status(snapshot, settings.run_dir)
