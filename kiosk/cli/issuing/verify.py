"""`kiosk verify`: decide on code texts, one per line (a tool for development and acceptance)."""

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from kiosk.core import rules
from kiosk.core.model import Claim, ClockQuality, ClockReading, Decision, Refusal, VisitHistory
from kiosk.credentials import CredentialVerifier
from kiosk.credentials.trust import denylist, trust_list
from kiosk.system.translations import languages, translator

MAX_LINE_BYTES = 64 * 1024
"""Of a longer line only this much is read. No kind of code is that long."""


class _TimeParam(click.ParamType[datetime]):
    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse ISO 8601. UTC if it has no offset."""
        try:
            at = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time like 2026-11-23T08:00:00Z.", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


@click.command("verify")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line instead of a sentence.")
@click.option("--trust", "trust_path", type=click.Path(path_type=Path), required=True, help="Trust list.")
@click.option(
    "--root", "root_path", type=click.Path(path_type=Path), help="Root public key. Default: root.pem beside the list."
)
@click.option("--deny", "deny_path", type=click.Path(path_type=Path), help="Denylist.")
@click.option("--at", type=_TimeParam(), help="Decide as at this time (ISO 8601). Default: now.")
@click.option("--language", type=click.Choice(languages()), default="vi", show_default=True, help="Of the sentences.")
@click.argument("source", type=click.File("rb"), default="-")
def verify(
    *,
    as_json: bool,
    trust_path: Path,
    root_path: Path | None,
    deny_path: Path | None,
    at: datetime | None,
    language: str,
    source: BinaryIO,
) -> None:
    """Read one code text per line from SOURCE (- is standard input) and answer each with one line, under the default policy."""
    verifier = CredentialVerifier(
        trust_list.load_trust_list(trust_path, root_path),
        denylist.load_denylist(deny_path, root_path) if deny_path else None,
    )
    now = ClockReading(at or datetime.now(UTC), time.monotonic(), ClockQuality.SYNCHRONISED)
    for line in _lines(source):
        result = verifier.verify(line, now)
        decision = rules.decide_access(result, VisitHistory(), rules.AccessPolicy(), 0, now)
        sys.stdout.write((_as_json(result, decision) if as_json else _as_text(result, decision, language)) + "\n")
        sys.stdout.flush()


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Lines without line ends. A line beyond the limit is cut."""
    while line := source.readline(MAX_LINE_BYTES):
        rest = line
        while len(rest) == MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = source.readline(MAX_LINE_BYTES)
        yield line.rstrip(b"\r\n")


def _as_json(result: Claim | Refusal, decision: Decision) -> str:
    return json.dumps(
        {
            "kind": result.kind,
            "assurance": result.assurance if isinstance(result, Claim) else None,
            "outcome": decision.outcome,
            "reason": decision.reason,
        }
    )


def _as_text(result: Claim | Refusal, decision: Decision, language: str) -> str:
    t = translator(language)
    outcome, kind = t(f"outcome-label.{decision.outcome}"), t(f"kind.{result.kind}")
    return f"{outcome}: {kind}. {t(f'reason.{decision.reason}')}"
