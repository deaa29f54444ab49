"""Value types on the path from frame to stored event. Immutable and without behaviour.

Flow: Frame -> DecodeResult(DecodedCode) -> Claim | Refusal -> Decision -> AccessEvent. Monotonic times are floats and end in
`_s`. UTC times are datetimes and end in `_at`. Fields that could identify a person are left out of `repr`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class DecodedCode:
    """One code found in a frame."""

    data: bytes = field(repr=False)
    """The bytes as encoded in the symbol, before any guess at a character set."""
    stage: str
    corners: Corners | None = field(default=None, repr=False)
    """In frame pixels (x, y), in the symbol's own order: top left, top right, bottom right, bottom left."""
    module_px: float | None = None
    """Width of one module in frame pixels. None if the engine does not report it."""


@dataclass(frozen=True, slots=True)
class ScannedCode:
    """One code that a scanner read by itself, without a frame."""

    data: bytes = field(repr=False)
    scanned_s: float
    """Monotonic time at which it was complete."""


@dataclass(frozen=True, slots=True)
class FrameQuality:
    """Measurements of a frame, for aiming the camera and for the health checks."""

    mean_luma: float
    contrast: float
    """Standard deviation of the luma."""
    sharpness: float
    """Variance of the Laplacian of the decimated frame."""
    is_static: bool = False
    """True if the motion gate found no change in it."""


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """Everything found in one frame."""

    codes: tuple[DecodedCode, ...] = ()
    frame_quality: FrameQuality | None = None


class CodeKind(StrEnum):
    """Kind of the code shown (wire value: never rename one)."""

    ENTRY_PASS = "entry-pass"
    HCERT = "hcert"
    NATIONAL_QR = "national-qr"
    ID_CARD = "id-card"
    INSURANCE = "insurance"
    VENUE_CODE = "venue-code"
    PAYMENT_CODE = "payment-code"
    """A wallet, a bank transfer or an invoice."""
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"


class Assurance(StrEnum):
    """How much a well-formed code proves (wire value)."""

    VERIFIED = "verified"
    """Signed by a key on the trust list."""
    RECOGNISED = "recognised"
    """Well formed but unsigned. It identifies a person and proves nothing."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One stable identifier of a person. Different codes of one person share the namespace."""

    scheme: str
    """`pass`, `hcert`, `qid`, `document` or `insurance`."""
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """The person named by a code, in canonical form. It exists only between the verifier and the seal."""

    identifiers: tuple[Identifier, ...]
    """At least one. The pseudonym of the event is made of the first."""
    name: str | None = field(default=None, repr=False)
    born: str | None = field(default=None, repr=False)


class Reason(StrEnum):
    """Why a decision was made (wire value: never rename or reuse one)."""

    OK = "ok"
    MANUAL = "manual"
    ALREADY_IN = "already-in"
    ALREADY_OUT = "already-out"
    MULTIPLE_CODES = "multiple-codes"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    BAD_SIGNATURE = "bad-signature"
    UNKNOWN_KEY = "unknown-key"
    REVOKED = "revoked"
    MALFORMED = "malformed"
    VENUE_CODE = "venue-code"
    PAYMENT_CODE = "payment-code"
    """A code to pay with. It names an account or a sale, not a person."""
    UNSUPPORTED = "unsupported"
    UNKNOWN_CODE = "unknown-code"
    INSUFFICIENT_ASSURANCE = "insufficient-assurance"
    """The code is unsigned and the policy requires a verified one."""
    NOT_ACCEPTED = "not-accepted"
    """This gate does not accept this kind of code or this status class."""
    KEY_NOT_ALLOWED = "key-not-allowed"
    """Signed by a trusted key outside its validity or for a use that is not allowed to it."""
    NO_PROOF = "no-proof"
    """A rotating code without a signature of its holder: a copy."""
    STALE_PROOF = "stale-proof"
    """The holder's signature on a rotating code is too old or in the future."""
    REPLAYED = "replayed"
    NO_DECLARATION = "no-declaration"
    DECLARATION_TOO_OLD = "declaration-too-old"
    CLOSED = "closed"
    CAPACITY_REACHED = "capacity-reached"
    LISTS_STALE = "lists-stale"
    CLOCK_UNSET = "clock-unset"
    """The device's clock is certainly wrong and the policy does not check validity without a clock."""
    ANNULLED = "annulled"


class ManualReason(StrEnum):
    """Reason that a guard gives for a manual action (wire value). A fixed word, so that it names no person."""

    NOTHING_TO_SHOW = "nothing-to-show"
    UNREADABLE = "unreadable"
    ASSISTED = "assisted"
    TURNED_BACK = "turned-back"
    """The person was let through and did not go in."""
    WRONG_PERSON = "wrong-person"
    """Another person went in than the one who was answered."""
    MISTAKE = "mistake"
    OTHER = "other"
    BUTTON = "button"
    """Done with a button at the gate. A button asks for no reason."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Content of a well-formed code, verified if its kind is signed."""

    kind: CodeKind
    assurance: Assurance
    subject: Subject = field(repr=False)
    not_before_at: datetime | None = None
    not_after_at: datetime | None = None
    """Last moment of validity."""
    issuer: str | None = None
    """Key id of the verifying key, in hex."""
    status_class: int | None = None
    declared_at: datetime | None = None
    declared_until_at: datetime | None = None
    """The issuer says that the declaration counts until this time."""
    likeness: str | None = field(default=None, repr=False)
    """What this code has in common with another kind of code of the same person. It joins their visits and is never sent."""
    speaks_against_entry: bool = field(default=False, repr=False)
    """The certificate itself says that its holder should not come in: a test that detected the disease."""
    vaccination_complete: bool | None = field(default=None, repr=False)
    """Whether a vaccination certificate states all doses of its series. None: the certificate states more, or something else."""
    tested_at: datetime | None = field(default=None, repr=False)
    """When the sample of a test certificate was taken, 1970 if it cannot be read. None: it states more, or something else."""
    proof: str | None = field(default=None, repr=False)
    """Names the proof of its holder, if the code is a rotating pass. Each proof counts once."""
    lists_at: datetime | None = None
    """Date of the older of the two lists used. None if no list was needed."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a code gives no claim. A value, not an exception. `evidence` never holds personal data."""

    kind: CodeKind
    reason: Reason
    evidence: str = ""


class Outcome(StrEnum):
    """The result that the lamp shows. The wire field is `result` of the event."""

    PASS = "pass"
    FAIL = "fail"
    CHECK_AGAIN = "check-again"


class Direction(StrEnum):
    """Way that a person went (wire value)."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one visit."""

    outcome: Outcome
    reason: Reason
    direction: Direction | None = None


class ClockQuality(StrEnum):
    """How reliable a wall-clock time is (wire value)."""

    SYNCHRONISED = "synchronised"
    """The kernel says that a time source disciplines the clock."""
    FREE_RUNNING = "free-running"
    """Later than the build date of this software, but not disciplined."""
    UNSET = "unset"
    """Earlier than the build date of this software, so certainly wrong."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Wall-clock and monotonic time, read together."""

    utc_at: datetime
    monotonic_s: float
    quality: ClockQuality


@dataclass(frozen=True, slots=True)
class AccessEvent:
    """One decision, before the store assigns its epoch and seq."""

    id: UUID
    occurred_at: datetime
    monotonic_s: float
    clock_quality: ClockQuality
    outcome: Outcome
    reason: Reason
    direction: Direction | None
    kind: CodeKind | None
    """None if several codes were in view and for manual actions."""
    assurance: Assurance | None
    pseudonym: bytes
    """16 bytes, keyed on this device. Empty if no person was named."""
    sealed: bytes
    """The subject, sealed to the centre's key (HPKE). Empty if no person was named."""
    code_bytes: int
    """Length of the code's content. Of an unknown code only this and a keyed hash are kept."""
    aliases: tuple[bytes, ...] = ()
    """The person's other pseudonyms, 16 bytes each, to recognise them by another code. Never sent."""
    annuls: UUID | None = None
    """Id of the earlier event of this gate that is annulled. `direction` is then that event's."""
    manual_reason: ManualReason | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An access event with its position. `seq` has no gaps within `epoch`, the life of one database."""

    epoch: str
    seq: int
    boot_id: str
    event: AccessEvent


@dataclass(frozen=True, slots=True)
class VisitHistory:
    """What the device remembers of the person at the gate. Input of the rules."""

    same_visit: bool = False
    """This person was answered within the repeat window. They get no second answer."""
    last_direction: Direction | None = None
    """Of the last pass since the reset hour."""
    last_pass_age_s: float | None = None
    went_in_age_s: float | None = None
    """Age of the last pass if it was inwards, also where the reset hour lies between."""


class DeviceState(StrEnum):
    """Overall state of the device, the same on lamp, page and wire."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    OUT_OF_ORDER = "out-of-order"
    NOT_ENROLLED = "not-enrolled"
    """This device has no name yet, and waits for an enrolment code. It decides about no person."""
    ENROLLING = "enrolling"
    """It has read the code. The centre has to approve it."""
    ENROLMENT_OFFLINE = "enrolment-offline"
    """It has read the code, and cannot reach the centre."""
