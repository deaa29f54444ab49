"""Orders to the daemon: noted before they are given, and what came of them noted as well."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kiosk.app import control_socket
from kiosk.core.ports import KioskError
from web_ui.auth import access_control
from web_ui.kiosk.pages.kiosk_view import lookout


@dataclass(frozen=True, slots=True)
class Given:
    """What came of an order."""

    error: str = ""
    """Key of the sentence for the reader; empty where it was done."""
    said: str = ""
    """The daemon's own words about it."""
    detail: Mapping[str, Any] = field(default_factory=dict)


def give(order: control_socket.Order, detail: str = "") -> Given:
    """Note an order, give it to the daemon of these pages, and note what came of it. Raises OSError: then it was not given."""
    access_control.note(order.do, "asked", detail)
    try:
        answer = control_socket.order(lookout().settings.run_dir, order)
    except KioskError as trouble:
        access_control.note(order.do, "not heard", str(trouble))
        return Given("order.not-heard", str(trouble))
    access_control.note(order.do, "done" if answer.ok else answer.error, detail if answer.ok else answer.said)
    if answer.ok:
        return Given(detail=answer.detail)
    return Given(f"order.{answer.error}", answer.said)
