"""The control socket: commands of people from the web UI and the command line to the daemon."""

from kiosk.app.control_socket.client import read_line, send_command
from kiosk.app.control_socket.commands import (
    CLIENT_DEADLINE_S,
    COMMAND_DEADLINE_S,
    MAX_COMMAND_BYTES,
    MAX_RESPONSE_BYTES,
    SOCKET_FILE,
    AcknowledgeReleaseCommand,
    AdmitCommand,
    CapturePreviewCommand,
    Command,
    CommandRejectedError,
    HandlerMap,
    PauseCommand,
    ReleaseQuarantineCommand,
    Response,
    ShowSignalCommand,
    UndoCommand,
)
from kiosk.app.control_socket.server import MAX_CONNECTIONS, ControlServer, PeerCredentials, peer_credentials

__all__ = [
    "CLIENT_DEADLINE_S",
    "COMMAND_DEADLINE_S",
    "MAX_COMMAND_BYTES",
    "MAX_CONNECTIONS",
    "MAX_RESPONSE_BYTES",
    "SOCKET_FILE",
    "AcknowledgeReleaseCommand",
    "AdmitCommand",
    "CapturePreviewCommand",
    "Command",
    "CommandRejectedError",
    "ControlServer",
    "HandlerMap",
    "PauseCommand",
    "PeerCredentials",
    "ReleaseQuarantineCommand",
    "Response",
    "ShowSignalCommand",
    "UndoCommand",
    "peer_credentials",
    "read_line",
    "send_command",
]
