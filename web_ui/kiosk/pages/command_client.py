"""Orders to the daemon: noted before they are given, and what came of them noted as well."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kiosk.app import control_socket
from kiosk.core.ports import KioskError
from web_ui.auth import access_control
from web_ui.kiosk.pages.kiosk_view import kiosk_view


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What came of an order."""

    error: str = ""
    """Key of the sentence for the reader; empty where it was done."""
    message: str = ""
    """The daemon's own words about it."""
    detail: Mapping[str, Any] = field(default_factory=dict)


def submit_command(command: control_socket.Command, detail: str = "") -> CommandResult:
    """Note an order, give it to the daemon of these pages, and note what came of it. Raises OSError: then it was not given."""
    access_control.write_audit(command.command, "asked", detail)
    try:
        answer = control_socket.send_command(kiosk_view().settings.run_dir, command)
    except KioskError as trouble:
        access_control.write_audit(command.command, "not heard", str(trouble))
        return CommandResult("order.not-heard", str(trouble))
    access_control.write_audit(
        command.command, "done" if answer.ok else answer.error_code, detail if answer.ok else answer.message
    )
    if answer.ok:
        return CommandResult(detail=answer.detail)
    return CommandResult(f"order.{answer.error_code}", answer.message)
