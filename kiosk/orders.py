"""What the daemon does for each order that the control socket hears."""

from collections.abc import Callable, Mapping
from typing import Any

from kiosk.control import Admit, Handlers, Pause, ReleaseQuarantine, ShowLamp
from kiosk.courier import Courier
from kiosk.gate_loop import GateLoop
from kiosk.ports import Signal
from kiosk.store import Store

ADMIT_WITHIN_S = 2.0


def handlers(gate_loop: GateLoop, signal: Signal, store: Store, courier: Courier, news: Callable[[], None]) -> Handlers:
    """One function an order; each may raise KioskError, whose text goes to whoever ordered."""

    def admit(order: Admit) -> Mapping[str, Any]:
        return {"seq": gate_loop.admit(order.direction, ADMIT_WITHIN_S).seq}

    def show_lamp(order: ShowLamp) -> Mapping[str, Any]:
        signal.show(order.outcome)
        return {}

    def pause(order: Pause) -> Mapping[str, Any]:
        gate_loop.paused = order.paused
        news()
        return {"paused": order.paused}

    def release_quarantine(_: ReleaseQuarantine) -> Mapping[str, Any]:
        held = store.quarantined()
        courier.retry_quarantine()
        return {"released": held}

    return {Admit: admit, ShowLamp: show_lamp, Pause: pause, ReleaseQuarantine: release_quarantine}
