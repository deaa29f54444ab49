"""Evaluates measurements: each gives a health check with a code and a number, and the checks give the device state.

Two questions are separate. Can people be served? A FAIL says no: the device is out of order. Would a restart help? Only if a
thread of this process hangs: those checks alone stop the watchdog. A missing camera or a full disk is shown on the lamp
instead, because restarting again and again would only hide it (docs/decisions/0026).
"""

from collections.abc import Iterable, Iterator

from kiosk.core.model import ClockQuality, DeviceState
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.health.measurements import HealthThresholds, Measurements

GATE_WORKER, CAMERA_WORKER, SIGNAL = "gate-worker", "camera-worker", "signal"
WORKERS = frozenset({GATE_WORKER, CAMERA_WORKER, SIGNAL})
MB = 1024 * 1024


def evaluate(measurements: Measurements, thresholds: HealthThresholds = HealthThresholds()) -> tuple[HealthCheck, ...]:  # noqa: B008  frozen
    """All checks, passed ones as well, always in the same order."""
    return tuple(
        check
        for part in (
            _check_start,
            _check_workers,
            _check_signal,
            _check_paused,
            _check_camera,
            _check_frame_quality,
            _check_scanner,
            _check_presence_sensor,
            _check_storage,
            _check_disk,
            _check_board,
            _check_clock,
            _check_web,
            _check_broker,
            _check_certificate,
            _check_backlog,
            _check_lists,
            _check_sealing_keys,
            _check_release,
            _check_os_updates,
        )
        for check in part(measurements, thresholds)
    )


def device_state(checks: Iterable[HealthCheck], *, started: bool = True) -> DeviceState:
    """FAIL: out of order, even while starting. `started` False: starting. WARN: degraded. Else ready."""
    found = {check.status for check in checks}
    if CheckStatus.FAIL in found:
        return DeviceState.OUT_OF_ORDER
    if not started:
        return DeviceState.STARTING
    return DeviceState.DEGRADED if CheckStatus.WARN in found else DeviceState.READY


def should_feed_watchdog(checks: Iterable[HealthCheck]) -> bool:
    """False if a thread of this process hangs. systemd then kills and restarts the process."""
    return not any(check.status is CheckStatus.FAIL for check in checks if check.code in WORKERS)


def _pass(code: str, value: float | None = None, unit: str = "", *, reason: str = "") -> HealthCheck:
    return HealthCheck(code, CheckStatus.PASS, value, unit, reason)


def _warn(code: str, reason: str = "", value: float | None = None, unit: str = "", *, detail: str = "") -> HealthCheck:
    return HealthCheck(code, CheckStatus.WARN, value, unit, reason, detail)


def _fail(code: str, reason: str = "", value: float | None = None, unit: str = "", *, detail: str = "") -> HealthCheck:
    return HealthCheck(code, CheckStatus.FAIL, value, unit, reason, detail)


def _check_start(it: Measurements, _: HealthThresholds) -> Iterator[HealthCheck]:
    if it.start_error:
        yield _fail("start", it.start_error_kind, detail=it.start_error)


def _check_workers(it: Measurements, limits: HealthThresholds) -> Iterator[HealthCheck]:
    for code, age_s in ((GATE_WORKER, it.gate_loop_age_s), (CAMERA_WORKER, it.camera_loop_age_s)):
        hung = age_s > limits.loop_hung_s
        yield _fail(code, "hung", round(age_s, 1), "s") if hung else _pass(code, round(age_s, 1), "s")


def _check_signal(it: Measurements, _: HealthThresholds) -> Iterator[HealthCheck]:
    if it.gpio_error:
        yield _fail(SIGNAL, "gpio-error", detail=it.gpio_error)
    elif it.signal_thread_alive:
        yield _pass(SIGNAL)
    else:
        yield _fail(SIGNAL, "hung")


def _check_paused(it: Measurements, _: HealthThresholds) -> Iterator[HealthCheck]:
    if it.paused:
        yield _fail("paused")


def _check_camera(it: Measurements, limits: HealthThresholds) -> Iterator[HealthCheck]:
    if not it.has_camera:
        return
    if it.frame_age_s > limits.frame_age_s:
        yield _fail("camera", "no-frames", round(it.frame_age_s), "s", detail=it.camera_error)
    elif it.frozen_s is not None and it.frozen_s > limits.frozen_s and not (it.dark_s or it.bright_s):
        yield _fail("camera", "frozen", round(it.frozen_s), "s")
    else:
        yield _pass("camera", round(it.frame_age_s, 1), "s")


def _check_frame_quality(it: Measurements, limits: HealthThresholds) -> Iterator[HealthCheck]:
    if not it.has_camera:
        return
    measured = (("too-dark", it.dark_s), ("too-bright", it.bright_s), ("blurred", it.blurred_s))
    for reason, lasted_s in measured:
        if lasted_s is not None and lasted_s > limits.bad_frame_quality_s:
            yield _warn("frame-quality", reason, round(lasted_s), "s")
            return
    if all(lasted_s is not None for _, lasted_s in measured):
        yield _pass("frame-quality")


def _check_scanner(it: Measurements, _: HealthThresholds) -> Iterator[HealthCheck]:
    """Beside a camera it is a convenience. In place of one, no person gets in without it."""
    if it.scanner_error is None:
        return
    if not it.scanner_error:
        yield _pass("scanner")
    elif it.has_camera:
        yield _warn("scanner", "not-read", detail=it.scanner_error)
    else:
        yield _fail("scanner", "only-not-read", detail=it.scanner_error)


def _check_presence_sensor(it: Measurements, _: HealthThresholds) -> Iterator[HealthCheck]:
    if it.presence_state.startswith("stuck"):
        yield _warn("presence-sensor", it.presence_state)
    elif it.presence_state:
        yield _pass("presence-sensor", reason=it.presence_state)


def _check_storage(it: Measurements, _: HealthThresholds) -> Iterator[HealthCheck]:
    """Known before the first person comes: a full or read-only card is not found out by a lost event."""
    free = it.disk_free_bytes
    if it.disk_read_only:
        yield _fail("storage", "read-only")
    elif free is not None and free < it.disk_min_free_bytes:
        yield _fail("storage", "full", free // MB, "MB")
    elif it.store_error:
        yield _fail("storage", "error", detail=it.store_error)
    else:
        yield _pass("storage")
    if it.corrupt_file:
        yield _warn("corrupt-database", detail=it.corrupt_file)
    if it.unreadable_rows:
        yield _warn("unreadable-events", value=it.unreadable_rows, unit="events")
    if it.new_epoch_reason:
        yield _warn("new-epoch", it.new_epoch_reason)


def _check_disk(it: Measurements, limits: HealthThresholds) -> Iterator[HealthCheck]:
    free = it.disk_free_bytes
    if free is not None:
        low = free < limits.disk_low_bytes
        yield _warn("disk", "low", round(free / MB), "MB") if low else _pass("disk", round(free / MB), "MB")


def _check_board(it: Measurements, limits: HealthThresholds) -> Iterator[HealthCheck]:
    heat_c = it.temperature_c
    if heat_c is not None:
        hot = heat_c >= limits.max_temperature_c
        yield _warn("temperature", "too-hot", round(heat_c), "°C") if hot else _pass("temperature", round(heat_c), "°C")
    if it.under_voltage is not None:
        yield _warn("power", "under-voltage") if it.under_voltage else _pass("power")


def _check_clock(it: Measurements, _: HealthThresholds) -> Iterator[HealthCheck]:
    if it.clock_quality is ClockQuality.UNSET:
        yield _warn("clock", it.clock_quality.value)
    elif it.clock_jump_s:
        yield _warn("clock", "jumped", round(it.clock_jump_s), "s")
    else:
        yield _pass("clock", reason=it.clock_quality.value)


def _check_web(it: Measurements, limits: HealthThresholds) -> Iterator[HealthCheck]:
    if it.web_down_s is not None:
        down = it.web_down_s > limits.web_down_s
        yield _warn("web", "not-running", round(it.web_down_s), "s") if down else _pass("web")


def _check_broker(it: Measurements, limits: HealthThresholds) -> Iterator[HealthCheck]:
    down_s = it.broker_down_s
    if down_s is None:
        return
    if it.certificate_time_error:
        yield _warn("broker", "certificate-time", round(down_s), "s")
    elif it.broker_refused:
        yield _warn("broker", "refused", detail=it.broker_error)
    elif down_s > limits.broker_down_s:
        yield _warn("broker", "disconnected", round(down_s), "s")
    elif down_s:
        yield _pass("broker", round(down_s), "s", reason="waiting")
    else:
        yield _pass("broker", round(down_s), "s")


def _check_certificate(it: Measurements, _: HealthThresholds) -> Iterator[HealthCheck]:
    left_s = it.certificate_left_s
    if left_s is not None and left_s <= 0:
        yield _warn("certificate", "expired")
    elif it.renewal_error:
        yield _warn("certificate", "renewal-failed", round(left_s or 0.0), "s", detail=it.renewal_error)
    elif left_s is not None:
        yield _pass("certificate", round(left_s), "s")


def _check_backlog(it: Measurements, limits: HealthThresholds) -> Iterator[HealthCheck]:
    if it.backlog_limit and it.backlog_size > it.backlog_limit * limits.backlog_full_share:
        yield _warn("backlog", "nearly-full", it.backlog_size, "events")
    elif it.backlog_age_s > limits.backlog_age_s:
        yield _warn("backlog", "old", round(it.backlog_age_s), "s")
    else:
        yield _pass("backlog", it.backlog_size, "events")


def _check_lists(it: Measurements, limits: HealthThresholds) -> Iterator[HealthCheck]:
    """A wrong file never closes the gate: what is in force stays in force."""
    for code in sorted({*it.lists_age_s, *it.list_problems}):
        age_s = it.lists_age_s.get(code)
        if code in it.list_problems:
            reason, detail = it.list_problems[code]
            yield _warn(code, reason, detail=detail)
        elif age_s is not None:
            old = age_s > limits.list_age_s
            yield _warn(code, "old", round(age_s), "s") if old else _pass(code, round(age_s), "s")


def _check_sealing_keys(it: Measurements, limits: HealthThresholds) -> Iterator[HealthCheck]:
    """After the last week its key goes on, so that nothing is lost. But those events cannot be erased week by week."""
    left_s = it.sealing_keys_left_s
    if left_s is None or "sealing-keys" in it.list_problems:
        return
    if left_s <= 0:
        yield _warn("sealing-keys", "ended", round(-left_s), "s")
    elif left_s < limits.sealing_keys_left_s:
        yield _warn("sealing-keys", "ending", round(left_s), "s")
    else:
        yield _pass("sealing-keys", round(left_s), "s")


def _check_release(it: Measurements, _: HealthThresholds) -> Iterator[HealthCheck]:
    if it.release_problem is not None:
        problem = it.release_problem
        yield _warn("release", problem, detail=it.release_detail) if problem else _pass("release")
    if it.trial_remaining_s is not None:
        yield _pass("release-trial", round(it.trial_remaining_s), "s", reason="running")


def _check_os_updates(it: Measurements, limits: HealthThresholds) -> Iterator[HealthCheck]:
    age_s = it.os_updates_age_s
    if age_s is None:
        return
    if it.os_updates_error:
        yield _warn("os-updates", "failed", detail=it.os_updates_error)
    elif age_s > limits.os_updates_age_s:
        yield _warn("os-updates", "old", round(age_s), "s")
    elif it.os_restart_needed:
        yield _pass("os-updates", reason="restart-needed")
    elif it.os_updates_pending:
        yield _pass("os-updates", it.os_updates_pending, reason="pending")
    else:
        yield _pass("os-updates")
