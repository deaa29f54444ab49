"""The device's side of commands from the centre: receives and checks them, does them, and sends the replies."""

from kiosk.delivery.remote.channel import CommandChannel, NoCommands, OrderChannel
from kiosk.delivery.remote.executor import CommandExecutor, CommandFailedError, CommandResult, Handler

__all__ = [
    "CommandChannel",
    "CommandExecutor",
    "CommandFailedError",
    "CommandResult",
    "Handler",
    "NoCommands",
    "OrderChannel",
]
