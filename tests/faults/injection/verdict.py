"""The verdict of one seed: what the device has, what the centre has, and what was promised to people."""

from dataclasses import asdict, dataclass, field
from typing import Any

from tests.faults.injection.driven_daemon import CUTTING, REFUSED_BYTES
from tests.faults.injection.environment import DEVICE, SITE, FaultEnvironment

DUPLICATES_PER_FAULT = 2 * (1000 + 100 + 50)
"""Most duplicates on the wire: the in-flight window, its reserve for live events and one batch, when it begins and when it ends."""


@dataclass
class Verdict:
    """Result of one seed."""

    seed: int
    version: str = ""
    disk: str = ""
    database: str = ""
    centres: int = 1
    backlog: int = 0
    promised: int = 0
    """Events with a signal of the lamps, or with a reported commit of the driver."""
    lights: int = 0
    """Of these: signals of the lamps, for people in front of the camera."""
    recorded: int = 0
    """Rows on the device. It may exceed `promised` by events that were committed at the moment of a kill."""
    at_centre: int = 0
    lost: int = 0
    doubled: int = 0
    duplicates_on_the_wire: int = 0
    gaps: int = 0
    """Missing at the centre below the newest number, without what is in quarantine."""
    unrecorded: int = 0
    """Signals without an event, or with an event of another outcome."""
    seq_gaps: int = 0
    quarantined: int = 0
    innocent: int = 0
    """Events in quarantine without a defect."""
    down: list[str] = field(default_factory=list)
    """Processes that did not come back by themselves."""
    seconds: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    ends: list[str] = field(default_factory=list)
    """The last lines of the log of each process that ended by itself."""
    error: str = ""
    """Why the seed reached no verdict."""

    @property
    def good(self) -> bool:
        """No event lost or duplicated, no gap except for quarantined events, no signal without an event, all processes work."""
        errors = (
            self.lost,
            self.doubled,
            self.unrecorded,
            self.seq_gaps,
            self.innocent,
            self.gaps,
            self.down,
            self.error,
        )
        few_duplicates = (
            self.duplicates_on_the_wire <= DUPLICATES_PER_FAULT * max(1, sum(self.faults.values())) + self.backlog
        )
        return not any(errors) and few_duplicates and self.promised > 0

    def as_json(self) -> dict[str, Any]:
        """All values, with `good`."""
        return asdict(self) | {"good": self.good}


def count(environment: FaultEnvironment) -> Verdict:
    """Compare all events of a run whose processes have ended."""
    with environment.look_into_records() as device:
        rows = {
            bytes(row[0]): (int(row[1]), str(row[2])) for row in device.execute("SELECT id, seq, outcome FROM event")
        }
        quarantined = {
            bytes(row[0]): bytes(row[1]) == CUTTING or int(row[2]) == REFUSED_BYTES
            for row in device.execute("SELECT id, pseudonym, code_bytes FROM event JOIN quarantine USING (seq)")
        }
    arrived = environment.database.arrived()
    counts = environment.database.counts(SITE, DEVICE)
    promised, lights = environment.commits.promised(), environment.commits.lights()
    outcomes = dict(rows.values())
    broken = [id_ for id_, seq in promised.items() if id_ not in rows or rows[id_][0] != seq]
    return Verdict(
        seed=environment.options.seed,
        version=environment.version,
        disk=environment.disk.kind,
        database=environment.database.kind,
        centres=len(environment.centres),
        backlog=environment.options.backlog,
        promised=len(promised) + len(lights),
        lights=len(lights),
        recorded=len(rows),
        at_centre=len(arrived),
        lost=len(set(rows) - set(arrived) - set(quarantined)) + len(broken),
        doubled=sum(arrived.values()) - len(arrived),
        duplicates_on_the_wire=counts.duplicates,
        gaps=abs(counts.missing - len(quarantined)),
        unrecorded=sum(outcomes.get(seq) != outcome for seq, outcome in lights),
        seq_gaps=max(outcomes, default=0) - len(outcomes),
        quarantined=len(quarantined),
        innocent=sum(not defective for defective in quarantined.values()),
    )
