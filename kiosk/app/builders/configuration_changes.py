"""Where changes of the configuration come from: the centre, and people on this device."""

from collections.abc import Callable, Mapping
from typing import Any

from kiosk.app.builders.configuration import ChangeRefusedError, ConfigurationControl, LocalChange
from kiosk.app.control_socket import (
    CheckConfigurationCommand,
    CommandRejectedError,
    HandlerMap,
    KeepConfigurationCommand,
    RollBackConfigurationCommand,
    TryConfigurationCommand,
)
from kiosk.delivery.remote import CommandChannel


def build_desired_taker(
    channel: CommandChannel | None, configuration: ConfigurationControl | None
) -> Callable[[], None]:
    """Tries what the centre sent last. The thread of the commands calls it."""
    inbox = None if channel is None else channel.desired
    if inbox is None or configuration is None:
        return lambda: None

    def take() -> None:
        message = inbox.take()
        if message is None:
            return
        code = configuration.apply_desired(message)
        if code is not None:
            inbox.refuse(code)

    return take


def configuration_handlers(configuration: ConfigurationControl | None) -> HandlerMap:
    """Handlers of the control socket. Empty where this process takes no change."""
    return {} if configuration is None else _Handlers(configuration).handlers()


class _Handlers:
    """One method per command. Each raises CommandRejectedError where nothing is changed."""

    def __init__(self, configuration: ConfigurationControl) -> None:
        self._configuration = configuration

    def handlers(self) -> HandlerMap:
        """By the type of the command."""
        return {
            CheckConfigurationCommand: self._check,
            TryConfigurationCommand: self._try,
            KeepConfigurationCommand: lambda _: self._do(self._configuration.keep),
            RollBackConfigurationCommand: lambda _: self._do(self._configuration.roll_back),
        }

    def _check(self, command: CheckConfigurationCommand) -> Mapping[str, Any]:
        change = LocalChange(command.values, command.removed, "")
        return {"errors": self._configuration.check_change(change)}

    def _try(self, command: TryConfigurationCommand) -> Mapping[str, Any]:
        change = LocalChange(command.values, command.removed, command.who, command.reason)
        return self._do(lambda: self._configuration.try_change(change))

    @staticmethod
    def _do(act: Callable[[], None]) -> Mapping[str, Any]:
        try:
            act()
        except ChangeRefusedError as error:
            raise CommandRejectedError(str(error), error.code) from error
        return {}
