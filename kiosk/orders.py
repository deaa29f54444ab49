"""What the daemon does for each order that the control socket hears."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from kiosk.control import Admit, Handlers, OrderRefused, Pause, ReleaseQuarantine, ShowLamp, TakeStill, Undo
from kiosk.courier import Courier
from kiosk.gate_loop import GateLoop
from kiosk.ports import Signal
from kiosk.reading.viewfinder import Still, Viewfinder
from kiosk.store import Store
from kiosk.undo import NotUndone

ADMIT_WITHIN_S = 2.0
UNDO_WITHIN_S = 2.0


def handlers(
    gate_loop: GateLoop,
    signal: Signal,
    store: Store,
    courier: Courier,
    news: Callable[[], None],
    *,
    viewfinder: Viewfinder,
) -> Handlers:
    """One function an order; each may raise KioskError, whose text goes to whoever ordered."""

    def admit(order: Admit) -> Mapping[str, Any]:
        return {"seq": gate_loop.admit(order.direction, ADMIT_WITHIN_S, order.grounds).seq}

    def undo(order: Undo) -> Mapping[str, Any]:
        try:
            shown = gate_loop.undo(order.grounds, UNDO_WITHIN_S, order.seq)
        except NotUndone as refused:
            raise OrderRefused(str(refused), refused.why) from refused
        return {"seq": shown.seq, "annulled_seq": shown.annuls_seq, "direction": shown.direction}

    def show_lamp(order: ShowLamp) -> Mapping[str, Any]:
        signal.show(order.outcome)
        return {}

    def pause(order: Pause) -> Mapping[str, Any]:
        gate_loop.paused = order.paused
        news()
        return {"paused": order.paused}

    def release_quarantine(order: ReleaseQuarantine) -> Mapping[str, Any]:
        if order.seq is not None:
            return {"released": store.release_quarantine(order.seq)}
        held = store.quarantined()
        courier.retry_quarantine()
        return {"released": held}

    def take_still(_: TakeStill) -> Mapping[str, Any]:
        return told(viewfinder.look())

    return {
        Admit: admit,
        Undo: undo,
        ShowLamp: show_lamp,
        Pause: pause,
        ReleaseQuarantine: release_quarantine,
        TakeStill: take_still,
    }


def told(still: Still) -> Mapping[str, Any]:
    """A still picture as plain JSON values."""
    view = still.view
    return {
        "jpeg": base64.b64encode(still.jpeg).decode("ascii"),
        "size_px": still.size_px,
        "camera_px": still.camera_px,
        "mean_luma": round(view.mean_luma, 1),
        "contrast": round(view.contrast, 1),
        "sharpness": round(view.sharpness, 1),
        "module_px": None if still.module_px is None else round(still.module_px, 1),
        "codes": [[(round(x, 1), round(y, 1)) for x, y in corners] for corners in still.codes],
        "advice": [asdict(each) for each in still.advice],
    }
