"""Which language a reader gets, and how that language writes times, numbers and spans."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal, get_args

from werkzeug.datastructures import LanguageAccept

Language = Literal["vi", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_UNITS: dict[Language, tuple[str, str, str, str]] = {
    "vi": ("giây", "phút", "giờ", "ngày"),
    "en": ("s", "min", "h", "d"),
}


def parse_language(name: str | None) -> Language | None:
    """The language of that name, or None."""
    return next((language for language in LANGUAGES if language == name), None)


def choose_language(
    requested: str | None, cookie: str | None, accept_language: LanguageAccept, default: Language
) -> Language:
    """The switch on the page wins, then the switch's cookie, then the browser's wishes, then the site's language."""
    return (
        parse_language(requested)
        or parse_language(cookie)
        or parse_language(accept_language.best_match(LANGUAGES))
        or default
    )


def format_number(value: float, language: Language, digits: int = 0) -> str:
    """1234.5 -> `1.234,5` in Vietnamese, `1,234.5` in English."""
    text = f"{value:,.{digits}f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "vi" else text


@dataclass(frozen=True, slots=True)
class LocaleFormatter:
    """One language's way of writing, at one place's local time."""

    language: Language
    zone: tzinfo

    def number(self, value: float, digits: int = 0) -> str:
        """1234.5 -> `1.234,5` in Vietnamese, `1,234.5` in English."""
        return format_number(value, self.language, digits)

    def duration(self, seconds: float) -> str:
        """A length of time in its largest fitting unit: `12 giây`, `3 min`, `2 h`."""
        for size, unit in zip((86400, 3600, 60), _UNITS[self.language][:0:-1], strict=True):
            if seconds >= 2 * size:
                return f"{self.number(seconds / size)} {unit}"
        return f"{self.number(max(0.0, seconds))} {_UNITS[self.language][0]}"

    def time_of_day(self, at: datetime) -> str:
        """Local time of day, to the second."""
        return at.astimezone(self.zone).strftime("%H:%M:%S")

    def date(self, at: datetime) -> str:
        """Local date: `23/11/2026` in Vietnamese, `2026-11-23` in English."""
        return at.astimezone(self.zone).strftime("%d/%m/%Y" if self.language == "vi" else "%Y-%m-%d")

    def date_time(self, at: datetime) -> str:
        """Date and time of day."""
        return f"{self.time_of_day(at)} {self.date(at)}"
