"""Writes the table of the long run into docs/testing/fault-injection.md, from the output file of `python -m tests.faults.run`.

`python -m tests.faults.injection.result_table build/faults.json COMMIT`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.paths import PROJECT

TARGET = PROJECT / "docs" / "testing" / "fault-injection.md"
BEGIN, END = "<!-- long run: begin -->", "<!-- long run: end -->"


def table(content: dict[str, Any], commit: str) -> str:
    """The section in Markdown."""
    found, seeds = content["summary"], content["seeds"]
    ended = [one for one in seeds if not one["error"]]
    rows = [
        ("seeds", f"{len(seeds)} ({found['seeds'][0]} to {found['seeds'][-1]})"),
        ("reached no verdict", ", ".join(str(one["seed"]) for one in seeds if one["error"]) or "none"),
        ("bad verdict", ", ".join(str(one["seed"]) for one in ended if not one["good"]) or "none"),
        ("commit", commit),
        ("on MQTT 5 / 3.1.1", _split(ended, "version", ("5", "3.1.1"))),
        ("centre on SQLite / PostgreSQL", _split(ended, "database", ("SQLite", "PostgreSQL"))),
        ("one centre / two centres", _split(ended, "centres", (1, 2))),
        ("largest backlog at the start", max(one["backlog"] for one in seeds)),
        ("records on the devices", found["recorded"]),
        ("of these answered to a person at the camera", found["lights"]),
        ("at the centre", found["at_centre"]),
        ("quarantined (the poisoned ones that were injected)", found["quarantined"]),
        ("quarantined without a defect", found["innocent"]),
        ("**lost**", found["lost"]),
        ("**duplicated at the centre**", found["doubled"]),
        ("**light or answer without its record**", found["unrecorded"]),
        ("**gaps at the centre**", found["gaps"]),
        ("**gaps in seq on the device**", found["seq_gaps"]),
        ("**processes that did not come back**", ", ".join(found["down"]) or 0),
        ("duplicates on the wire, for each injected fault", _per_fault(ended, found["faults"])),
        ("faults injected", found["faults"]),
        ("a seed took", f"{sum(one['seconds'] for one in seeds) / len(seeds):.0f} s"),
    ]
    lines = ["| | |", "|---|--:|", *(f"| {name} | {value} |" for name, value in rows), ""]
    lines += ["| fault | times |", "|---|--:|", *(f"| {kind} | {n} |" for kind, n in found["by_kind"].items())]
    lines += ["", "| seen | times |", "|---|--:|", *(f"| {note} | {n} |" for note, n in found["notes"].items())]
    return "\n".join(lines)


def _split(ended: list[dict[str, Any]], name: str, values: tuple[Any, ...]) -> str:
    return " / ".join(str(sum(one[name] == value for one in ended)) for value in values)


def _per_fault(ended: list[dict[str, Any]], faults: int) -> str:
    return f"{sum(one['duplicates_on_the_wire'] for one in ended) / max(1, faults):.0f}"


def main() -> None:
    log, commit = Path(sys.argv[1]), sys.argv[2]
    content = json.loads(log.read_text(encoding="utf-8"))
    text = TARGET.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    TARGET.write_text(f"{before}{BEGIN}\n{table(content, commit)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
