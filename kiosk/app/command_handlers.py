"""Handlers for the commands of the control socket."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kiosk.app.control_socket import (
    AcknowledgeReleaseCommand,
    AdmitCommand,
    CapturePreviewCommand,
    CommandRejectedError,
    HandlerMap,
    PauseCommand,
    ReleaseQuarantineCommand,
    RestartCommand,
    ShowSignalCommand,
    UndoCommand,
)
from kiosk.app.gate_worker import GateWorker
from kiosk.app.requests.restart_request import RestartRequest
from kiosk.core.ports import Clock, Signal
from kiosk.core.reversal import UndoError
from kiosk.decoding.preview.preview import CameraPreview, PreviewImage
from kiosk.delivery import OutboxRelay
from kiosk.health import ReleaseNotices
from kiosk.storage import SqliteEventStore

ADMIT_TIMEOUT_S = 2.0
UNDO_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class CommandHandlers:
    """One method per command. Each may raise KioskError, whose text is sent to the client."""

    gate_worker: GateWorker
    signal: Signal
    event_store: SqliteEventStore
    relay: OutboxRelay
    preview: CameraPreview
    release_notices: ReleaseNotices
    clock: Clock
    on_change: Callable[[], None]
    """Called after a command changed the status."""
    restart: RestartRequest

    def handlers(self) -> HandlerMap:
        """Handler of each command type."""
        return {
            AdmitCommand: self._admit,
            UndoCommand: self._undo,
            ShowSignalCommand: self._show_signal,
            PauseCommand: self._pause,
            RestartCommand: self._restart,
            ReleaseQuarantineCommand: self._release_quarantine,
            CapturePreviewCommand: self._capture_preview,
            AcknowledgeReleaseCommand: self._acknowledge_release,
        }

    def _admit(self, command: AdmitCommand) -> Mapping[str, Any]:
        return {"seq": self.gate_worker.admit(command.direction, ADMIT_TIMEOUT_S, command.manual_reason).seq}

    def _undo(self, command: UndoCommand) -> Mapping[str, Any]:
        try:
            decision = self.gate_worker.undo(command.manual_reason, UNDO_TIMEOUT_S, command.seq)
        except UndoError as error:
            raise CommandRejectedError(str(error), error.refusal) from error
        return {"seq": decision.seq, "annulled_seq": decision.annuls_seq, "direction": decision.direction}

    def _show_signal(self, command: ShowSignalCommand) -> Mapping[str, Any]:
        self.signal.show(command.outcome)
        return {}

    def _pause(self, command: PauseCommand) -> Mapping[str, Any]:
        if command.paused:
            self.gate_worker.pause.begin(self.clock.now(), command.reason, command.duration_s)
        else:
            self.gate_worker.pause.end()
        self.on_change()
        return {"paused": command.paused}

    def _restart(self, _: RestartCommand) -> Mapping[str, Any]:
        self.restart.make()
        return {}

    def _release_quarantine(self, command: ReleaseQuarantineCommand) -> Mapping[str, Any]:
        if command.seq is not None:
            return {"released": self.event_store.release_quarantine(command.seq)}
        count = self.event_store.quarantined_count()
        self.relay.retry_quarantine()
        return {"released": count}

    def _acknowledge_release(self, _: AcknowledgeReleaseCommand) -> Mapping[str, Any]:
        try:
            acknowledged = self.release_notices.acknowledge()
        except OSError as error:
            raise CommandRejectedError(f"the acknowledgement cannot be written: {error.strerror}") from error
        self.on_change()
        return {"acknowledged": acknowledged}

    def _capture_preview(self, _: CapturePreviewCommand) -> Mapping[str, Any]:
        return preview_as_json(self.preview.capture())


def preview_as_json(preview: PreviewImage) -> Mapping[str, Any]:
    """A preview image as JSON values."""
    quality = preview.quality
    return {
        "jpeg": base64.b64encode(preview.jpeg).decode("ascii"),
        "size_px": preview.size_px,
        "camera_px": preview.frame_size_px,
        "mean_luma": round(quality.mean_luma, 1),
        "contrast": round(quality.contrast, 1),
        "sharpness": round(quality.sharpness, 1),
        "module_px": None if preview.module_px is None else round(preview.module_px, 1),
        "codes": [[(round(x, 1), round(y, 1)) for x, y in corners] for corners in preview.codes],
        "advice": [{"code": each.value, "is_ok": each.is_ok} for each in preview.advice],
    }
