"""What the daemon does for each order that the control socket hears."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kiosk.app.control_socket import Admit, Handlers, OrderRefused, Pause, ReleaseQuarantine, ShowLamp, TakeStill, Undo
from kiosk.app.gate_worker import GateLoop
from kiosk.core.ports import Signal
from kiosk.core.reversal import NotUndone
from kiosk.decoding.preview.preview import Still, Viewfinder
from kiosk.delivery import Courier
from kiosk.storage import Store

ADMIT_WITHIN_S = 2.0
UNDO_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Orders:
    """One method an order; each may raise KioskError, whose text goes to whoever ordered."""

    gate_loop: GateLoop
    signal: Signal
    store: Store
    courier: Courier
    viewfinder: Viewfinder
    news: Callable[[], None]
    """Called where the status has changed by an order."""

    def handlers(self) -> Handlers:
        """Which method each order is for."""
        return {
            Admit: self._admit,
            Undo: self._undo,
            ShowLamp: self._show_lamp,
            Pause: self._pause,
            ReleaseQuarantine: self._release_quarantine,
            TakeStill: self._take_still,
        }

    def _admit(self, command: Admit) -> Mapping[str, Any]:
        return {"seq": self.gate_loop.admit(command.direction, ADMIT_WITHIN_S, command.grounds).seq}

    def _undo(self, command: Undo) -> Mapping[str, Any]:
        try:
            shown = self.gate_loop.undo(command.grounds, UNDO_WITHIN_S, command.seq)
        except NotUndone as refused:
            raise OrderRefused(str(refused), refused.why) from refused
        return {"seq": shown.seq, "annulled_seq": shown.annuls_seq, "direction": shown.direction}

    def _show_lamp(self, command: ShowLamp) -> Mapping[str, Any]:
        self.signal.show(command.outcome)
        return {}

    def _pause(self, command: Pause) -> Mapping[str, Any]:
        self.gate_loop.paused = command.paused
        self.news()
        return {"paused": command.paused}

    def _release_quarantine(self, command: ReleaseQuarantine) -> Mapping[str, Any]:
        if command.seq is not None:
            return {"released": self.store.release_quarantine(command.seq)}
        held = self.store.quarantined()
        self.courier.retry_quarantine()
        return {"released": held}

    def _take_still(self, _: TakeStill) -> Mapping[str, Any]:
        return told(self.viewfinder.look())


def told(preview: Still) -> Mapping[str, Any]:
    """A still picture as plain JSON values."""
    view = preview.view
    return {
        "jpeg": base64.b64encode(preview.jpeg).decode("ascii"),
        "size_px": preview.size_px,
        "camera_px": preview.camera_px,
        "mean_luma": round(view.mean_luma, 1),
        "contrast": round(view.contrast, 1),
        "sharpness": round(view.sharpness, 1),
        "module_px": None if preview.module_px is None else round(preview.module_px, 1),
        "codes": [[(round(x, 1), round(y, 1)) for x, y in corners] for corners in preview.codes],
        "advice": [asdict(each) for each in preview.advice],
    }
