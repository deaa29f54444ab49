"""Tries a changed configuration on this device, keeps it or rolls it back, and starts the kiosk again for each of these.

The journal is written before anything happens. Whatever ends the process, the next start finds in it which configuration runs.
"""

import errno
import logging
import threading
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kiosk import config
from kiosk.config.loader import ConfigError, read_tree, settings_of_tree
from kiosk.config.overlay import document
from kiosk.config.overlay.changeable import check_values
from kiosk.config.overlay.document import BY_CENTRE, BY_DEVICE, Author, Overlay, OverlayState, Result, Trial
from kiosk.config.overlay.journal import Journal
from kiosk.config.overlay.judgement import SettingsObservation, SteadyFailures, TrialJudge, Verdict
from kiosk.config.overlay.reading import device_name, journal_folder, merge, own_state
from kiosk.core.ports import Clock, KioskError
from mqtt.remote.configuration import ConfigurationReport, DesiredMessage, TrialCode, TrialState, values_sha256

log = logging.getLogger(__name__)


class ChangeRefusedError(KioskError):
    """A change of a person is not tried. `code`: `busy`, `invalid`, `no-trial` or `disk`."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class LocalChange:
    """What a person changes on this device."""

    values: Mapping[str, Any]
    """By dotted name."""
    removed: Collection[str]
    """Names that get the value of the centre or of the file again."""
    who: str
    reason: str = ""


class ConfigurationControl:
    """The configuration of this device while the daemon runs. All methods: any thread."""

    def __init__(self, path: Path, clock: Clock, boot_id: str | None = None, journal: Journal | None = None) -> None:
        """`path`: the configuration file. Raises ConfigError if it cannot be read."""
        self._path = path
        self._clock = clock
        self._boot_id = read_boot_id() if boot_id is None else boot_id
        self._lock = threading.RLock()
        self._owned = ExitStack()
        tree = read_tree(path)
        self._device = device_name(tree)
        self._journal = journal or Journal(journal_folder(tree, path.absolute().parent))
        self._is_owner = False
        self._state = OverlayState()
        self._judge: TrialJudge | None = None
        self._last_seen = SettingsObservation(frozenset(), is_starting=True, is_connected=False, has_receipt=False)
        self._failures = SteadyFailures()
        self._restart = False
        self._changed = False
        self._settings: config.Settings | None = None

    def start(self) -> config.Settings:
        """The settings to run with now: those on trial, or those that worked before. Raises ConfigError if the file is wrong."""
        with self._lock:
            now, tree = self._clock.now(), read_tree(self._path)
            self._is_owner = self._journal.lock(self._owned)
            self._state = own_state(self._journal.read(), self._device)
            try:
                self._write(document.count_start(self._state, self._boot_id, now.monotonic_s, now.utc_at))
            except OSError as error:
                self._give_up(error)
            found = self._try_settings(tree)
            self._judge = TrialJudge(self._state.trial) if self._state.trial is not None else None
            self._settings = found
            return found

    def _try_settings(self, tree: Mapping[str, Any]) -> config.Settings:
        now_at = self._clock.now().utc_at
        if self._state.trial is not None:
            try:
                return settings_of_tree(merge(tree, self._state.effective.values), self._path)
            except ConfigError as error:
                self._write_or_log(document.roll_back(self._state, now_at, TrialCode.INVALID, error.errors[0]))
        try:
            return settings_of_tree(merge(tree, self._state.in_force.values), self._path)
        except ConfigError as error:
            alone = settings_of_tree(tree, self._path)
            log.error("settings of the centre or of the page do not fit the file, which counts alone: %s", error)
            self._write_or_log(document.drop_in_force(self._state, now_at, error.errors[0]))
            return alone

    def close(self) -> None:
        """Another process may write the journal."""
        self._is_owner = False
        self._owned.close()

    def _give_up(self, error: OSError) -> None:
        """Starts cannot be counted, so nothing is tried. In memory alone: the disk has the trial until it can be written."""
        log.error("the journal of the configuration cannot be written: %s. Nothing is tried", error.strerror)
        if self._state.trial is not None:
            self._state = document.roll_back(self._state, self._clock.now().utc_at, TrialCode.DISK)

    @property
    def state(self) -> OverlayState:
        """What the journal holds."""
        return self._state

    @property
    def sources(self) -> dict[str, str]:
        """Dotted name -> `centre` or `device`, of each setting that does not come from the file."""
        overlay = self._state.effective
        return {**dict.fromkeys(overlay.centre, BY_CENTRE), **dict.fromkeys(overlay.local, BY_DEVICE)}

    @property
    def deadline_s(self) -> float | None:
        """Monotonic end of the trial. None: none runs."""
        trial = self._state.trial
        return trial.deadline_s if trial is not None and trial.is_started else None

    @property
    def is_restart_due(self) -> bool:
        """Whether the program is to start again, with other settings."""
        return self._restart

    def take_change(self) -> bool:
        """Whether there is news for the centre and the page since the last call."""
        with self._lock:
            changed, self._changed = self._changed, False
            return changed

    def report(self) -> ConfigurationReport:
        """What the hello says."""
        state = self._state
        trial, last, overlay = state.trial, state.last, state.in_force
        found = ConfigurationReport(
            sha256=values_sha256(overlay.centre), counter=overlay.counter, local=dict(overlay.local)
        )
        if trial is not None:
            last = Result(values_sha256(trial.overlay.centre), TrialState.ON_TRIAL)
        if last is None:
            return found
        detail = last.detail.replace("\0", "")[:200]
        news = {"tried_sha256": last.sha256, "state": last.state, "code": last.code, "detail": detail}
        return found.model_copy(update=news)

    def apply_desired(self, message: DesiredMessage) -> TrialCode | None:
        """Try what the centre wants. Returns why it is not tried now: BUSY or DISK. None: it is in force, on trial or refused."""
        with self._lock:
            overlay = Overlay(message.values, message.origins, message.counter, self._state.in_force.local)
            author = Author(BY_CENTRE, message.changed_by, message.reason)
            if self._restart and self._state.trial is None:
                return TrialCode.BUSY  # what fails now is the fault of the trial that has just ended
            if self._state.trial is not None:
                same = values_sha256(self._state.trial.overlay.centre) == values_sha256(message.values)
                return None if same else TrialCode.BUSY
            try:
                self._try(overlay, author, needs_receipt=True)
            except ChangeRefusedError as error:
                return TrialCode.DISK if error.code == "disk" else None
            except ConfigError as error:
                log.error("a configuration of the centre is not tried: %s", error)
                return TrialCode.DISK
            return None

    def check_change(self, change: LocalChange) -> list[str]:
        """A sentence for each mistake of a person's change. Changes nothing. Raises ConfigError if the file cannot be read."""
        return check_values(self._with_change(change).values, read_tree(self._path))

    def try_change(self, change: LocalChange) -> None:
        """Try a person's change. Raises ChangeRefusedError, and ConfigError if the file cannot be read."""
        with self._lock:
            if self._state.trial is not None or self._restart:
                raise ChangeRefusedError("busy", "Another change is on trial. Keep it, or roll it back.")
            errors = self.check_change(change)
            if errors:
                raise ChangeRefusedError("invalid", "\n".join(errors))
            seen, author = self._last_seen, Author(BY_DEVICE, change.who, change.reason)
            needs_receipt = seen.is_connected and seen.has_receipt
            self._try(self._with_change(change), author, needs_receipt=needs_receipt)

    def _with_change(self, change: LocalChange) -> Overlay:
        in_force = self._state.in_force
        local = {name: value for name, value in in_force.local.items() if name not in change.removed}
        return replace(in_force, local={**local, **change.values})

    def _try(self, overlay: Overlay, author: Author, *, needs_receipt: bool) -> None:
        """Raises ChangeRefusedError, and ConfigError if the file cannot be read."""
        now, tree = self._clock.now(), read_tree(self._path)
        now_at = now.utc_at
        candidate = Trial(overlay, author, now_at, self._failures.steady(now.monotonic_s), needs_receipt)
        state = replace(self._state, device=self._device, counter=max(self._state.counter, overlay.counter))
        errors = check_values(overlay.values, tree)
        if errors:
            self._write_or_refuse(document.refuse(state, candidate, now_at, TrialCode.INVALID, errors[0]))
            raise ChangeRefusedError("invalid", "\n".join(errors))
        if settings_of_tree(merge(tree, overlay.values), self._path) == self._settings:
            self._write_or_refuse(document.adopt(state, overlay, author, now_at))
            return
        self._write_or_refuse(document.begin(state, candidate, self._boot_id, now.monotonic_s))
        log.warning("a configuration is on trial: %s %s", author.place, author.who)
        self._restart = True

    def keep(self) -> None:
        """A person keeps what is on trial, without waiting for its end. Raises ChangeRefusedError."""
        with self._lock:
            self._check_trial()
            self._write_or_refuse(document.keep(self._state, self._clock.now().utc_at))
            self._judge = None

    def roll_back(self) -> None:
        """A person takes back what is on trial. Raises ChangeRefusedError."""
        with self._lock:
            self._check_trial()
            self._write_or_refuse(document.roll_back(self._state, self._clock.now().utc_at, TrialCode.BY_HAND))
            self._restart = True

    def _check_trial(self) -> None:
        if self.deadline_s is None:
            raise ChangeRefusedError("no-trial", "Nothing is on trial.")

    def observe(self, seen: SettingsObservation) -> None:
        """What is seen of the kiosk. The main loop calls it each second."""
        with self._lock:
            self._last_seen = seen
            self._failures.observe(seen.failing, self._clock.now().monotonic_s)
            if self._judge is None or self._restart:
                return
            now = self._clock.now()
            verdict = self._judge.judge(seen, now.monotonic_s)
            if verdict is Verdict.KEEP:
                log.warning("the configuration on trial works and is kept")
                if self._write_or_log(document.keep(self._state, now.utc_at)):
                    self._judge = None
            elif verdict is Verdict.ROLL_BACK:
                self.end_trial(*self._judge.why)

    def end_trial(self, code: TrialCode, detail: str = "") -> None:
        """Roll back, because the kiosk does not work or does not start. A restart is due."""
        with self._lock:
            if self._state.trial is None:
                return
            log.error("the configuration on trial is rolled back: %s %s", code, detail)
            self._write_or_log(document.roll_back(self._state, self._clock.now().utc_at, code, detail))
            self._restart = True

    def _write(self, state: OverlayState) -> None:
        """Raises OSError: then nothing changed in memory."""
        if state != self._state:
            if not self._is_owner:
                raise OSError(errno.EROFS, "the disk is read-only, or another kiosk runs")
            self._journal.write(state)
            self._state, self._changed = state, True

    def _write_or_log(self, state: OverlayState) -> bool:
        try:
            self._write(state)
        except OSError as error:
            log.error("the journal of the configuration cannot be written: %s", error.strerror)
            return False
        return True

    def _write_or_refuse(self, state: OverlayState) -> None:
        """Raises ChangeRefusedError."""
        try:
            self._write(state)
        except OSError as error:
            raise ChangeRefusedError("disk", f"The change cannot be written: {error.strerror}.") from error


def read_boot_id() -> str:
    """The kernel's name of this boot. Raises OSError."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
