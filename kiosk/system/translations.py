"""Messages for people in their language, from the gettext catalogues of kiosk/locale/ (docs/decisions/0041)."""

import gettext
from functools import cache
from pathlib import Path

DOMAIN = "entrance-kiosk"
SOURCE_LANGUAGE = "en"
LOCALE_DIR = Path(__file__).resolve().parent.parent / "locale"


class Translator:
    """The messages of one language. A message that its catalogue lacks is taken from the English one."""

    def __init__(self, language: str, catalogue: gettext.NullTranslations) -> None:
        self.language = language
        self._catalogue = catalogue

    def __call__(self, msgid: str, /, **values: object) -> str:
        """The message with its placeholders filled; an unknown id stands for itself. Raises KeyError for a missing value."""
        return self._catalogue.gettext(msgid).format(**values)

    def plural(self, msgid: str, number: float, /, **values: object) -> str:
        """The form of the message that the language uses with `number`."""
        return self._catalogue.ngettext(msgid, msgid, round(number)).format(**values)

    def has(self, msgid: str) -> bool:
        """Whether there is such a message."""
        return self._catalogue.gettext(msgid) != msgid

    def code(self, family: str, code: str) -> str:
        """The word for a code, such as `kind` and `id-card`. A code without a word stands for itself."""
        msgid = f"{family}.{code}"
        return self(msgid) if self.has(msgid) else code


@cache
def languages(folder: Path = LOCALE_DIR) -> tuple[str, ...]:
    """Codes of all languages that have a catalogue, in alphabetical order."""
    return tuple(sorted(path.parent.parent.name for path in folder.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")))


@cache
def translator(language: str, folder: Path = LOCALE_DIR) -> Translator:
    """The messages of a language, read at the first call. A language without a catalogue gets the English messages."""
    catalogue = gettext.translation(DOMAIN, folder, [SOURCE_LANGUAGE])
    if language != SOURCE_LANGUAGE and language in languages(folder):
        english, catalogue = catalogue, gettext.translation(DOMAIN, folder, [language])
        catalogue.add_fallback(english)
    return Translator(language if language in languages(folder) else SOURCE_LANGUAGE, catalogue)
