"""Checks the name of a time zone by loading it, as all its users do."""

import difflib
from zoneinfo import ZoneInfo, available_timezones

_VIETNAM = "Asia/Ho_Chi_Minh"
_OTHER_NAMES_OF_VIETNAM = ("hanoi", "hue", "danang", "saigon", "viet", "+7", "+07", "ict", "ho chi minh", "hcm")


def time_zone_error(name: str) -> str | None:
    """Why the zone cannot be loaded, with a suggestion, as the end of a sentence without its full stop. None if it can be."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found, a path, a folder or a file that is no zone
        return f"is not a time zone of this system. {_suggestion(name)}"
    return None


def _suggestion(name: str) -> str:
    plain = name.strip().casefold()
    if any(word in plain.replace("_", " ") for word in _OTHER_NAMES_OF_VIETNAM):
        return f'Did you mean "{_VIETNAM}"?'
    zones = {zone.casefold(): zone for zone in sorted(available_timezones())}
    found = difflib.get_close_matches(plain, zones, n=1, cutoff=0.6)
    return f'Did you mean "{zones[found[0]]}"?' if found else f'Write a name such as "{_VIETNAM}"'
