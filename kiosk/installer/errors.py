"""Messages of the installer in the language of the terminal, and the error that ends it."""

import sys

from kiosk.system.translations import Translator, terminal_language, translator


class InstallError(Exception):
    """The installation cannot continue. `message` says what to do. As a string: the English text."""

    def __init__(self, msgid: str, /, **values: object) -> None:
        """`msgid`: of the catalogues, without `installer.` in front."""
        super().__init__(translator("en")(f"installer.{msgid}", **values))
        self._msgid = msgid
        self._values = values

    @property
    def message(self) -> str:
        """In the language of the terminal."""
        return terminal_translator()(f"installer.{self._msgid}", **self._values)


def terminal_translator() -> Translator:
    """The messages in the language of the terminal."""
    return translator(terminal_language())


def state_label(state: str) -> str:
    """A device state in the language of the terminal."""
    return terminal_translator().code("state", state)


def print_message(msgid: str, /, **values: object) -> None:
    """Print one line in the language of the terminal on standard error. `msgid`: without `installer.` in front."""
    print_line(terminal_translator()(f"installer.{msgid}", **values))


def print_line(text: str) -> None:
    """Print one line on standard error."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201  output of a command
