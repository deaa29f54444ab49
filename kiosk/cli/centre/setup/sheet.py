"""The sheet to print: which key lies where, who holds it, how it is restored. In every language. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from kiosk.system.translations import Translator, languages, translator

FIELDS = ("use", "place", "holder", "restore")
KEY_CODES = (
    "authority",
    "authority-offline",
    "root",
    "sealing",
    "sealing-shares",
    "backup",
    "release",
    "broker",
    "centre",
    "web",
    "fleet",
)
"""Every key that a sheet may name. Each has a text for each field but its place."""
_STYLE = (
    "@page{size:A4;margin:15mm}body{font:10pt/1.35 sans-serif;max-width:190mm;margin:auto}h1{font-size:15pt;margin:0}"
    "section+section{break-before:page;margin-top:10mm}table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #666;padding:1.5mm 2mm;text-align:left;vertical-align:top}td:nth-child(2){word-break:break-all}"
    ".line{display:inline-block;border-bottom:1px solid #000;min-width:60mm;height:7mm}"
)


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """One row of the sheet."""

    code: str
    """For the texts `centre.key.CODE.use`, `.holder` and `.restore`."""
    place: str


@dataclass(frozen=True, slots=True)
class SheetFacts:
    """What the sheet says."""

    organisation: str
    administrator: str
    made_at: datetime
    sealing_fingerprint: str
    release_fingerprint: str
    """Empty without a release key."""
    keys: Sequence[KeyPlace]


def as_html(facts: SheetFacts) -> str:
    """One page for each language."""
    sections = "".join(_section(translator(language), facts) for language in languages_of_sheet())
    title = escape(facts.organisation)
    return f'<!doctype html><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>{sections}\n'


def as_text(facts: SheetFacts, chosen: Sequence[str] = ()) -> str:
    """The same as plain text, in these languages. Default: all."""
    texts = ("\n".join(_lines(translator(language), facts)) for language in chosen or languages_of_sheet())
    return "\n\n".join(texts) + "\n"


def languages_of_sheet() -> list[str]:
    """English last."""
    return sorted(languages(), key=lambda language: (language == "en", language))


def _facts(t: Translator, facts: SheetFacts) -> Iterator[str]:
    yield t("centre.sheet.made", date=facts.made_at.strftime(t("format.date")), name=facts.administrator)
    yield t("centre.sheet.sealing-fingerprint", fingerprint=facts.sealing_fingerprint)
    if facts.release_fingerprint:
        yield t("centre.sheet.release-fingerprint", fingerprint=facts.release_fingerprint)
    yield t("centre.sheet.password")
    yield t("centre.sheet.rules")


def _cells(t: Translator, key: KeyPlace) -> dict[str, str]:
    texts = {field: t(f"centre.key.{key.code}.{field}") for field in FIELDS if field != "place"}
    return {**texts, "place": key.place}


def _section(t: Translator, facts: SheetFacts) -> str:
    head = "".join(f"<th>{escape(t(f'centre.sheet.{field}'))}</th>" for field in FIELDS)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(_cells(t, key)[field])}</td>" for field in FIELDS) + "</tr>"
        for key in facts.keys
    )
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in _facts(t, facts))
    signature = f'<p>{escape(t("centre.sheet.signature"))} <span class="line"></span></p>'
    title = escape(t("centre.sheet.title", organisation=facts.organisation))
    return f'<section lang="{t.language}"><h1>{title}</h1>{paragraphs}<table><tr>{head}</tr>{rows}</table>{signature}</section>'


def _lines(t: Translator, facts: SheetFacts) -> Iterator[str]:
    title = t("centre.sheet.title", organisation=facts.organisation)
    yield title
    yield "=" * len(title)
    yield from _facts(t, facts)
    for key in facts.keys:
        cells = _cells(t, key)
        yield ""
        yield from (f"{t(f'centre.sheet.{field}')}: {cells[field]}" for field in FIELDS)
