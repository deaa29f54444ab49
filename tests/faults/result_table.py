"""Writes the table of the long run into docs/testing/fault-injection.md, from the output of `python -m tests.faults.run`.

`python -m tests.faults.result_table LOG COMMIT`. Seeds without a verdict are listed.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.paths import PROJECT

TARGET = PROJECT / "docs" / "testing" / "fault-injection.md"
BEGIN, END = "<!-- long run: begin -->", "<!-- long run: end -->"
NOT_INJECTED = ("command unheard", "mischief unheard", "device ended by itself")
"""Counted, but not injected."""


def table(runs: list[dict[str, Any]], commit: str) -> str:
    """The section in Markdown."""
    ended = [run for run in runs if "faults" in run]
    good = {run["seed"] for run in ended}
    stuck = [
        f"{run['seed']}{' (reached one when run again)' if run['seed'] in good else ''}"
        for run in runs
        if "faults" not in run
    ]
    kinds: Counter[str] = Counter()
    for run in ended:
        kinds.update(run["faults"])
    per_seed = [sum(n for kind, n in run["faults"].items() if kind not in NOT_INJECTED) for run in ended]
    injected = sum(per_seed)
    on_wire = sum(run["doubled_on_the_wire"] for run in ended)
    most = max(run["doubled_on_the_wire"] / n for run, n in zip(ended, per_seed, strict=True))

    def total(name: str) -> int:
        return sum(run[name] for run in ended)

    rows = [
        ("seeds", f"{len(ended)} ({min(run['seed'] for run in ended)} to {max(run['seed'] for run in ended)})"),
        ("reached no verdict", ", ".join(stuck) or "none"),
        ("commit", commit),
        ("on MQTT 5 / 3.1.1", " / ".join(str(sum(run["version"] == one for run in ended)) for one in ("5", "3.1.1"))),
        ("records on the devices", total("recorded")),
        ("of these answered to a person at the camera", total("lights")),
        ("at the centre", total("at_centre")),
        ("quarantined (the poisoned ones that were injected)", total("quarantined")),
        ("quarantined without a defect", total("innocent")),
        ("**lost**", total("lost")),
        ("**duplicated at the centre**", total("doubled")),
        ("**light or answer without its record**", total("unrecorded")),
        ("**gaps in seq on the device**", total("seq_gaps")),
        (
            "duplicates on the wire, for each injected fault",
            f"{on_wire / injected:.0f} (worst seed {most:.0f}, allowed 1150)",
        ),
        ("faults injected", injected),
        ("a seed took", f"{total('seconds') / len(ended):.0f} s"),
    ]
    lines = ["| | |", "|---|--:|", *(f"| {name} | {value} |" for name, value in rows), ""]
    lines += ["| fault | times |", "|---|--:|", *(f"| {kind} | {n} |" for kind, n in sorted(kinds.items()))]
    return "\n".join(lines)


def main() -> None:
    log, commit = Path(sys.argv[1]), sys.argv[2]
    runs = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    text = TARGET.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    TARGET.write_text(f"{before}{BEGIN}\n{table(runs, commit)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
