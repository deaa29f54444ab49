"""The values that flow from frame to record: frozen, typed, and without behaviour.

They flow one way: Frame -> Sight(Reading) -> Claim | Refusal -> Decision -> Passage. Two kinds of time never mix: monotonic
floats end in `_s`, UTC datetimes end in `_at`. Whatever could identify a person is left out of `repr`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class DecodedCode:
    """One code that an engine read in a frame."""

    data: bytes = field(repr=False)
    """The code's bytes as they were encoded, before any guess at a character set."""
    stage: str
    """Which stage of the cascade read it."""
    corners: Corners | None = field(default=None, repr=False)
    """In frame pixels (x, y), in the code's own order: top left, top right, bottom right, bottom left."""
    module_px: float | None = None
    """Width of one module in frame pixels, where the engine tells."""


@dataclass(frozen=True, slots=True)
class FrameQuality:
    """What a frame says about the camera's view: facts for aiming and for the self-check."""

    mean_luma: float
    contrast: float
    """Standard deviation of the luma."""
    sharpness: float
    """Variance of the Laplacian of a decimated frame."""
    is_static: bool = False
    """The motion gate found nothing new in it."""


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """All that reading one frame yields."""

    codes: tuple[DecodedCode, ...] = ()
    frame_quality: FrameQuality | None = None


class CodeKind(StrEnum):
    """Which kind of code was shown (a wire value: never rename one)."""

    ENTRY_PASS = "pass"
    HCERT = "hcert"
    NATIONAL = "national"
    ID_CARD = "id-card"
    INSURANCE = "insurance"
    VENUE = "place"
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"


class Assurance(StrEnum):
    """How much a well-formed code proves (a wire value)."""

    VERIFIED = "verified"
    """Signed by a key on the trust list."""
    RECOGNISED = "recognised"
    """Well formed, unsigned: it identifies, it proves nothing."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One stable name of a person, in a namespace that different codes of one person share."""

    scheme: str
    """`pass`, `hcert`, `qid`, `document` or `insurance`."""
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a code names, canonically. It lives between verifier and seal, and nowhere else."""

    identifiers: tuple[Identifier, ...]
    """At least one; the first is the one that the record's pseudonym is made of."""
    name: str | None = field(default=None, repr=False)
    born: str | None = field(default=None, repr=False)


class Reason(StrEnum):
    """Why a decision fell as it did. These are wire values: never rename one, and never use one anew."""

    OK = "ok"
    MANUAL = "manual"
    ALREADY_IN = "already-in"
    ALREADY_OUT = "already-out"
    MULTIPLE_CODES = "one-at-a-time"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    BAD_SIGNATURE = "bad-signature"
    UNKNOWN_KEY = "unknown-key"
    REVOKED = "revoked"
    MALFORMED = "malformed"
    PLACE_CODE = "place-code"
    UNSUPPORTED = "unsupported"
    UNKNOWN_CODE = "unknown-code"
    NOT_ENOUGH = "not-enough"
    """A recognised code where the policy asks for a verified one."""
    NOT_ACCEPTED = "not-accepted"
    """A kind of code, or a status class, that this gate does not take."""
    KEY_NOT_ALLOWED = "key-not-allowed"
    """Signed by a key of the trust list that was not allowed to sign this: outside its validity, or another use."""
    NO_PROOF = "no-proof"
    """A rotating code without its holder's living signature: a copy."""
    STALE_PROOF = "stale-proof"
    """A rotating code whose holder's signature is too old, or of the future."""
    REPLAYED = "replayed"
    """A rotating code that was shown before."""
    NO_DECLARATION = "no-declaration"
    DECLARATION_OLD = "declaration-old"
    CLOSED = "closed"
    FULL = "full"
    LISTS_STALE = "lists-stale"
    """The trust list or denylist is too old for what this policy asks."""
    CLOCK_UNSET = "clock-unset"
    """The device's clock is wrong for certain, and the policy does not judge validity without one."""
    ANNULLED = "annulled"
    """A guard undid the passage that this record names."""


class Grounds(StrEnum):
    """What a guard gives as his reason when he acts by hand (a wire value): a word, so that it names nobody."""

    NOTHING_TO_SHOW = "nothing-to-show"
    UNREADABLE = "unreadable"
    HELPED = "helped"
    TURNED_BACK = "turned-back"
    """He was let through, and did not go."""
    WRONG_PERSON = "wrong-person"
    """Somebody else went than the one who was answered."""
    BY_MISTAKE = "by-mistake"
    OTHER = "other"
    BUTTON = "button"
    """Done with a button at the gate, which asks for no reason."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a well-formed, and where possible verified, code says."""

    kind: CodeKind
    assurance: Assurance
    subject: Subject = field(repr=False)
    not_before_at: datetime | None = None
    not_after_at: datetime | None = None
    """The last moment at which it is valid."""
    issuer: str | None = None
    """Key id in hex, of the key that verified it."""
    status_class: int | None = None
    declared_at: datetime | None = None
    declared_until_at: datetime | None = None
    """Until when its issuer says that the declaration counts."""
    lists_at: datetime | None = None
    """Date of the older of the lists that it was checked against; None where no list was needed."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a code yields no claim. A value, not an exception; `evidence` never holds personal data."""

    kind: CodeKind
    reason: Reason
    evidence: str = ""


class Outcome(StrEnum):
    """What the lamp says. `wire` is the event's `result`."""

    PASS = "pass"
    FAIL = "fail"
    LOOK_AGAIN = "look-again"


class Direction(StrEnum):
    """Which way a person went (a wire value)."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one visit."""

    outcome: Outcome
    reason: Reason
    direction: Direction | None = None


class ClockQuality(StrEnum):
    """How far a wall-clock time can be believed (a wire value)."""

    SYNCHRONISED = "synchronised"
    """The kernel says that a time source disciplines the clock."""
    FREE_RUNNING = "free-running"
    """Later than this software was made, but nothing disciplines it."""
    UNSET = "unset"
    """Earlier than this software was made: wrong for certain."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Both kinds of time, taken together."""

    at: datetime
    s: float
    quality: ClockQuality


@dataclass(frozen=True, slots=True)
class Passage:
    """The record of one decision, before the store gives it its place (epoch, seq)."""

    id: UUID
    """UUIDv7."""
    occurred_at: datetime
    occurred_s: float
    clock: ClockQuality
    outcome: Outcome
    reason: Reason
    direction: Direction | None
    kind: CodeKind | None
    """None where several codes were in view, and where a guard acted by hand."""
    assurance: Assurance | None
    pseudonym: bytes
    """16 bytes, keyed on this device; empty where nobody was named."""
    sealed: bytes
    """The subject, sealed to the centre's key (HPKE); empty where nobody was named."""
    code_bytes: int
    """Length of the code's content, the only thing kept of an unknown code besides a keyed hash."""
    aliases: tuple[bytes, ...] = ()
    """The person's other pseudonyms, 16 bytes each: who comes back with another of his codes is still known. Never sent."""
    annuls: UUID | None = None
    """The id of an earlier passage of this gate that did not happen after all; `direction` is that passage's."""
    grounds: Grounds | None = None
    """What the guard gave as his reason, where he acted by hand."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A passage in its place: `seq` is gapless within `epoch`, one life of one database."""

    epoch: str
    seq: int
    boot_id: str
    passage: Passage


@dataclass(frozen=True, slots=True)
class History:
    """What the device remembers of the person in front of it; the rules read it."""

    same_visit: bool = False
    """This person was answered within the visit window: no second answer."""
    last_direction: Direction | None = None
    """Of the last pass since the reset hour."""
    last_pass_age_s: float | None = None


class State(StrEnum):
    """What the device as a whole says of itself: lamp, page and wire show the same."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    OUT_OF_ORDER = "out-of-order"
