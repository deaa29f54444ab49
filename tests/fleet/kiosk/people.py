"""What happens at simulated gates: results of decisions, pseudonyms and sealed subjects, made once by the product's own code."""

import random
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.core.model import (
    Assurance,
    ClockQuality,
    CodeKind,
    Direction,
    Identifier,
    Outcome,
    Reason,
    Subject,
)
from kiosk.core.subject_sealing import PSEUDONYM_KEY_BYTES, Pseudonymizer, Seal

Encounter = tuple[Any, ...]
"""The columns of an event's row from `clock_quality` to `code_bytes`."""

PASSES_OF_A_HUNDRED = 95


def encounters(count: int, rng: random.Random, *, sealed: bool = True) -> list[Encounter]:
    """`count` different encounters. Sealing takes 0.15 ms, so a fleet uses these again and again.

    A sealed subject opens only with the id of its event. The centre stores it and does not open it. `sealed=False`: no subject
    was named, as where codes identify no person.
    """
    key = X25519PrivateKey.generate().public_key()
    seal = Seal(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    pseudonymizer = Pseudonymizer(rng.randbytes(PSEUDONYM_KEY_BYTES))
    return [_encounter(number, rng, pseudonymizer, seal if sealed else None) for number in range(count)]


def _encounter(number: int, rng: random.Random, pseudonymizer: Pseudonymizer, seal: Seal | None) -> Encounter:
    passes = rng.randrange(100) < PASSES_OF_A_HUNDRED
    outcome, reason = (Outcome.PASS, Reason.OK) if passes else (Outcome.FAIL, Reason.EXPIRED)
    identifier = Identifier("pass", f"{number:09d}")
    subject = Subject((identifier,), name=f"Nguyen Van {number:05d}", born="1980-01-01")
    return (
        str(ClockQuality.SYNCHRONISED),
        str(outcome),
        str(reason),
        str(rng.choice((Direction.IN, Direction.OUT))),
        str(CodeKind.ENTRY_PASS),
        str(Assurance.VERIFIED),
        b"".join(pseudonymizer.for_subject(subject)),
        seal.seal(subject, UUID(int=number)) if seal else b"",
        178,
    )
