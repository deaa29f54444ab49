"""Messages of the installer in Vietnamese and English, and the error that ends it."""

import os
import sys


class InstallError(Exception):
    """The installation cannot continue. The message is in both languages and says what to do."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi = vi
        self.en = en


def uses_vietnamese_locale() -> bool:
    """True if the locale of the terminal is Vietnamese (locale(7))."""
    chosen = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next((value for value in chosen if value), "").startswith("vi")


def print_message(vi: str, en: str) -> None:
    """Print one line in the language of the terminal on standard error."""
    print(vi if uses_vietnamese_locale() else en, file=sys.stderr, flush=True)  # noqa: T201  output of a command
