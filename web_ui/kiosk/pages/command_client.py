"""Commands to the daemon. The audit log contains each command before it is sent, and its result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kiosk.app import control_socket
from kiosk.core.ports import KioskError
from web_ui.auth import access_control
from web_ui.kiosk.pages.kiosk_view import kiosk_view


@dataclass(frozen=True, slots=True)
class DaemonResult:
    """Result of a command."""

    error: str = ""
    """Message id for the reader. Empty if it was done."""
    message: str = ""
    """The daemon's own text in English."""
    detail: Mapping[str, Any] = field(default_factory=dict)


def submit_command(command: control_socket.Command, detail: str = "") -> DaemonResult:
    """Send a command to the daemon, with entries in the audit log before and after. Raises AuditLogError: then it was not sent."""
    access_control.write_audit(command.command, "requested", detail)
    try:
        answer = control_socket.send_command(kiosk_view().settings.run_dir, command)
    except KioskError as error:
        access_control.write_audit_result(command.command, "unreachable", str(error))
        return DaemonResult("command.unreachable", str(error))
    access_control.write_audit_result(
        command.command, "done" if answer.ok else answer.error_code, detail if answer.ok else answer.message
    )
    if answer.ok:
        return DaemonResult(detail=answer.detail)
    return DaemonResult(f"command.{answer.error_code}", answer.message)
