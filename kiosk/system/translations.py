"""Messages for people in their language, from the gettext catalogues in kiosk/locale/ (docs/decisions/0041)."""

import gettext
import os
from functools import cache
from pathlib import Path

DOMAIN = "entrance-kiosk"
SOURCE_LANGUAGE = "en"
LOCALE_DIR = Path(__file__).resolve().parent.parent / "locale"


class Translator:
    """The messages of one language. A message missing in its catalogue is taken from the English one."""

    def __init__(self, language: str, catalogue: gettext.NullTranslations) -> None:
        self.language = language
        self._catalogue = catalogue

    def __call__(self, msgid: str, /, **values: object) -> str:
        """The message with its placeholders filled. An unknown id is returned as it is. Raises KeyError for a missing value."""
        return self._catalogue.gettext(msgid).format(**values)

    def plural(self, msgid: str, number: float, /, **values: object) -> str:
        """The plural form of the message for `number`."""
        return self._catalogue.ngettext(msgid, msgid, round(number)).format(**values)

    def has(self, msgid: str) -> bool:
        """Whether the message exists."""
        return self._catalogue.gettext(msgid) != msgid

    def code(self, family: str, code: str) -> str:
        """The text of a code, for example `kind` and `id-card`. A code without a text is returned as it is."""
        msgid = f"{family}.{code}"
        return self(msgid) if self.has(msgid) else code


@cache
def languages(folder: Path = LOCALE_DIR) -> tuple[str, ...]:
    """Codes of all languages with a catalogue, in alphabetical order."""
    return tuple(sorted(path.parent.parent.name for path in folder.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")))


@cache
def translator(language: str, folder: Path = LOCALE_DIR) -> Translator:
    """The messages of a language, loaded at the first call. A language without a catalogue gets the English messages."""
    catalogue = gettext.translation(DOMAIN, folder, [SOURCE_LANGUAGE])
    if language != SOURCE_LANGUAGE and language in languages(folder):
        english, catalogue = catalogue, gettext.translation(DOMAIN, folder, [language])
        catalogue.add_fallback(english)
    return Translator(language if language in languages(folder) else SOURCE_LANGUAGE, catalogue)


def terminal_language() -> str:
    """The language of the terminal (locale(7)), English if there is no catalogue for it."""
    chosen = (os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    locale = next((value for value in chosen if value), "")
    return translator(locale.partition("_")[0].partition(".")[0]).language


def in_all_languages(msgid: str, **values: object) -> tuple[str, ...]:
    """The message in every language, English last: for what is read by people of any language, such as printed documents."""
    return tuple(translator(language)(msgid, **values) for language in in_reading_order())


def in_reading_order() -> tuple[str, ...]:
    """Codes of all languages, English last."""
    return tuple(sorted(languages(), key=lambda language: (language == SOURCE_LANGUAGE, language)))
