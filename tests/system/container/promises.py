"""Results of checks that ran inside a container: one line of JSON for each, `{"check": NAME, "met": BOOL, "said": TEXT}`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check found."""

    met: bool
    text: str


def parse(lines: str) -> dict[str, CheckResult]:
    """Results by the name of the check."""
    found = [json.loads(line) for line in lines.splitlines()]
    return {each["check"]: CheckResult(each["met"], each["said"]) for each in found}


def judge(results: Mapping[str, CheckResult], name: str, measured: Callable[[str], None]) -> None:
    """Fail where a check was not met, or was not reached."""
    assert name in results, "the check was not reached"
    assert results[name].met, results[name].text
    measured(results[name].text)
