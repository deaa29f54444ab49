"""What the installer says in both languages, and the trouble that ends it."""

import os
import sys


class InstallError(Exception):
    """It cannot go on; says so in both languages, with what to do next."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi = vi
        self.en = en


def uses_vietnamese_locale() -> bool:
    """Whether whoever types here has chosen Vietnamese (locale(7))."""
    chosen = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next((value for value in chosen if value), "").startswith("vi")


def print_message(vi: str, en: str) -> None:
    """One line for whoever installs, on standard error."""
    print(vi if uses_vietnamese_locale() else en, file=sys.stderr, flush=True)  # noqa: T201  a command's own output
