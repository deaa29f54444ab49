"""Runs the issuing commands in the process of the test, and reads their register."""

import csv
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result


def run(command: Any, *arguments: object, answer: str = "") -> Result:
    """The result of a command that must succeed. `answer`: what the person types."""
    result = CliRunner().invoke(command, [str(each) for each in arguments], input=answer)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def error_of(command: Any, *arguments: object) -> BaseException:
    """The exception of a command that must fail: one of ours, or SystemExit if click printed the message."""
    result = CliRunner().invoke(command, [str(each) for each in arguments])
    assert result.exit_code != 0
    assert result.exception is not None
    return result.exception


def registered(out: Path) -> list[dict[str, str]]:
    """The rows of the register, oldest first."""
    with (out / "register.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
