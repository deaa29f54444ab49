"""Each message exists in each language with the same placeholders, is used, and follows the glossary."""

from kiosk.system.translations import SOURCE_LANGUAGE, languages

OTHERS = [language for language in languages() if language != SOURCE_LANGUAGE]
CODE_FOLDERS = ("kiosk", "web_ui", "docs/_generate")
