"""Finds the site that an officer means by its title or name, with or without Vietnamese marks. Pure."""

import difflib
import unicodedata
from collections.abc import Iterable

from mqtt.centre.registry.model import Site

MAX_SUGGESTIONS = 5
_CUTOFF = 0.6


class UnknownSiteError(ValueError):
    """No single site is meant. `suggestions`: titles of sites that look alike."""

    def __init__(self, text: str, suggestions: Iterable[str]) -> None:
        self.text, self.suggestions = text, tuple(suggestions)
        hint = f" Did you mean {' or '.join(repr(one) for one in self.suggestions)}?" if self.suggestions else ""
        super().__init__(f"there is no site {text!r}.{hint}")


def plain(text: str) -> str:
    """Lower case, without Vietnamese marks and double blanks, for a comparison."""
    letters = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return " ".join("".join(one for one in letters if not unicodedata.combining(one)).split())


def choose_site(text: str, sites: Iterable[Site]) -> Site:
    """The one site with this name or title, or the only one whose title contains it. Raises UnknownSiteError."""
    known = list(sites)
    wanted = plain(text)
    for matches in (
        [one for one in known if text in (one.site, one.title)],
        [one for one in known if wanted in (plain(one.site), plain(one.title))],
        [one for one in known if wanted and wanted in plain(one.title)],
    ):
        if len({one.site for one in matches}) == 1:
            return matches[-1]
        if matches:
            raise UnknownSiteError(text, sorted({f"{one.title} ({one.site})" for one in matches})[:MAX_SUGGESTIONS])
    raise UnknownSiteError(text, _similar(wanted, known))


def _similar(wanted: str, sites: Iterable[Site]) -> list[str]:
    by_text: dict[str, str] = {}
    for one in sites:
        by_text[plain(one.title)] = by_text[plain(one.site)] = one.title
    close = difflib.get_close_matches(wanted, by_text, MAX_SUGGESTIONS, _CUTOFF)
    words = [text for text in by_text if set(wanted.split()) & set(text.split())] if not close else []
    return list(dict.fromkeys(by_text[text] for text in [*close, *words]))[:MAX_SUGGESTIONS]
