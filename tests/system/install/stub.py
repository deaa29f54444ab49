"""Stands for libcamera's (on bookworm) and kms++'s binding, which Debian does not have: any name is there and does nothing."""

from typing import Any


class Anything(type):
    """A class whose attributes are such classes too."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name, (), {"__init__": lambda self, *given, **named: None})


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return Anything(name, (), {"__init__": lambda self, *given, **named: None})
