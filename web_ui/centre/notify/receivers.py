"""The file of receivers: who gets the alerts of which area, and how. All mistakes at once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kiosk.config.toml_file import TomlError, parse_toml
from kiosk.core.ports import KioskError
from kiosk.system.translations import languages
from mqtt.centre.alerts.report_log import ReportPeriod

_KEYS = {"area", "url", "language", "name", "reports"}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://.+", re.DOTALL)


class ReceiversError(KioskError):
    """The file of receivers cannot be used."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """One mailbox, telephone, group or web address."""

    name: str
    """For the log, which must not contain the address: it holds passwords."""
    area: str
    """Code of an area. The receiver gets the alerts of it and of all areas below it."""
    url: str
    """As Apprise reads it, for example `mailtos://user:password@mail.hue.example?to=phuong@hue.example`."""
    language: str
    reports: tuple[ReportPeriod, ...] = ()
    """Which reports of the area they get by themselves."""


def parse_receivers(content: bytes) -> list[Receiver]:
    """Read `[[receiver]]` tables. Raises ReceiversError with every mistake."""
    try:
        found = parse_toml(content)
    except TomlError as error:
        raise ReceiversError(str(error)) from error
    mistakes = [f"{key}: is not known; write [[receiver]]" for key in found if key != "receiver"]
    tables = found.get("receiver", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ReceiversError("\n".join([*mistakes, "receiver: write [[receiver]] before each one"]))
    for number, table in enumerate(tables, start=1):
        mistakes += [f"receiver {number}: {text}" for text in _mistakes(table)]
    if mistakes:
        raise ReceiversError("\n".join(mistakes))
    return [
        Receiver(
            table.get("name", f"receiver {number}"),
            table["area"],
            table["url"],
            table.get("language", "vi"),
            tuple(ReportPeriod(one) for one in dict.fromkeys(table.get("reports", ()))),
        )
        for number, table in enumerate(tables, start=1)
    ]


def _mistakes(table: dict[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        if key not in _KEYS:
            yield f"{key} is not known. Keys: {', '.join(sorted(_KEYS))}"
        elif key == "reports":
            if not isinstance(value, list) or not all(
                isinstance(one, str) and one in set(ReportPeriod) for one in value
            ):
                yield f"reports must be a list of {', '.join(ReportPeriod)}"
        elif not isinstance(value, str) or not value.strip():
            yield f"{key} must be a text"
    if "area" not in table:
        yield "area is missing: the code of an area"
    url = table.get("url")
    if not isinstance(url, str) or not _SCHEME.fullmatch(url):
        yield "url is missing, or is not like mailtos://user:password@host?to=address"
    if table.get("language", "vi") not in languages():
        yield f"language must be one of {', '.join(languages())}"
