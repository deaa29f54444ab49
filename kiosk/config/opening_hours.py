"""Says what is wrong with opening hours that people wrote in another way."""

import difflib
import re

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DASHES = re.compile("[\u2010-\u2015\u2212]")


def opening_hours_hint(text: str) -> str:
    """A further sentence for hours that cannot be parsed, beginning with a full stop. Empty if there is nothing to say."""
    found = _hint(text.strip().lower())
    return f". {found}" if found else ""


def _hint(text: str) -> str:
    if _DASHES.search(text):
        return "Write the short hyphen: -"
    if re.search(r"\s-|-\s", text):
        return "Leave out the blanks around the hyphen"
    if "," in text or ";" in text:
        return 'Write one text for each: ["mon-fri 07:30-17:00", "sat 08:00-12:00"]'
    days, _, times = text.partition(" ")
    if not times:
        return "Write days and hours, with a blank between them"
    for day in days.split("-"):
        if day not in _DAYS:
            similar = difflib.get_close_matches(day, _DAYS, n=1, cutoff=0.5)
            return (
                f"{day!r} is not a day: did you mean {similar[0]!r}?" if similar else f"The days are {', '.join(_DAYS)}"
            )
    return "Write hours and minutes: 07:30, at most 24:00" if re.search(r"\d", times) else "Write the hours"
