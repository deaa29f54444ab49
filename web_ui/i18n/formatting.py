"""Which language a reader gets, and how that language writes times, numbers and durations."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from werkzeug.datastructures import LanguageAccept

from kiosk.system import number_format
from kiosk.system.translations import Translator, languages, translator


def language_names() -> tuple[tuple[str, str], ...]:
    """Code and own name of every language, for the language links."""
    return tuple((language, translator(language)("language.name")) for language in languages())


def parse_language(name: str | None) -> str | None:
    """That language if there is a catalogue for it, else None."""
    return name if name in languages() else None


def choose_language(requested: str | None, cookie: str | None, accept_language: LanguageAccept, default: str) -> str:
    """The link on the page wins, then the cookie of an earlier link, then the browser's wishes, then the site's language."""
    return (
        parse_language(requested)
        or parse_language(cookie)
        or parse_language(accept_language.best_match(languages()))
        or default
    )


@dataclass(frozen=True, slots=True)
class LocaleFormatter:
    """How one language writes at one place's local time."""

    language: str
    zone: tzinfo

    @property
    def t(self) -> Translator:
        """The messages of the language."""
        return translator(self.language)

    def number(self, value: float, digits: int = 0) -> str:
        """1234.5 with one digit: `1.234,5` in Vietnamese, `1,234.5` in English."""
        return number_format.format_number(self.t, value, digits)

    def duration(self, seconds: float) -> str:
        """A length of time in its largest fitting unit: `12 giây`, `3 min`, `2 h`. Never negative."""
        return number_format.format_duration(self.t, max(0.0, seconds))

    def time_of_day(self, at: datetime) -> str:
        """Local time of day, to the second."""
        return at.astimezone(self.zone).strftime("%H:%M:%S")

    def date(self, at: datetime) -> str:
        """Local date: `23/11/2026` in Vietnamese, `2026-11-23` in English."""
        return at.astimezone(self.zone).strftime(self.t("format.date"))

    def date_time(self, at: datetime) -> str:
        """Time of day and date."""
        return f"{self.time_of_day(at)} {self.date(at)}"
