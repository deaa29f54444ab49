"""The trusted key decides what a pass may say (algorithm, period, classes), never the pass itself."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.core.model import Claim, CodeKind, Reason
from kiosk.credentials import CredentialVerifier
from kiosk.credentials.formats import cose
from kiosk.credentials.issuing import make_issuer_key, sign_pass
from kiosk.credentials.issuing.passes import key_id
from kiosk.credentials.issuing.samples import forge_key_id
from kiosk.credentials.trust import trust_list
from kiosk.credentials.trust.trust_list import TrustedKey
from tests.fakes.data.entry_passes import CLAIMS, ISSUER, PARTS, SERIAL, VALID, reason, text, token
from tests.fakes.data.people import NOW_AT, moment

P256_KEY = ec.derive_private_key(12345, ec.SECP256R1())
P256_RECORD = TrustedKey(
    key_id(P256_KEY.public_key()), CodeKind.ENTRY_PASS, P256_KEY.public_key(), ISSUER.not_before_at, ISSUER.not_after_at
)


def test_an_es256_pass_is_verified_with_a_p256_key() -> None:
    code = text(cose.make_sign1(P256_KEY, P256_RECORD.kid, cbor2.dumps(CLAIMS, canonical=True)))
    verifier = CredentialVerifier(trust_list.make_trust_list([P256_RECORD], number=1, issued_at=NOW_AT))
    assert len(code) == 178
    assert reason(code, verifier=verifier) is None
    assert reason(forge_key_id(code, ISSUER.kid)) is Reason.BAD_SIGNATURE


def test_both_forms_of_an_es256_signature_are_one_pass() -> None:
    verifier = CredentialVerifier(trust_list.make_trust_list([P256_RECORD], number=1, issued_at=NOW_AT))
    parts = cose.parse_sign1(cose.make_sign1(P256_KEY, P256_RECORD.kid, cbor2.dumps(CLAIMS, canonical=True)))
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    other_s = (order - int.from_bytes(parts.signature[32:], "big")).to_bytes(32, "big")
    answers = [
        verifier.verify(
            text(cbor2.dumps(cbor2.CBORTag(18, [parts.protected_bytes, {}, parts.payload, each]), canonical=True)),
            moment(),
        )
        for each in (parts.signature, parts.signature[:32] + other_s)
    ]
    assert isinstance(answers[0], Claim)
    assert answers[0] == answers[1]  # so denylist and visits, which use the subject, cannot be bypassed


@pytest.mark.parametrize("algorithm", [-7, -37, -35, 0, 5])
def test_the_token_cannot_choose_the_algorithm(algorithm: int) -> None:
    header = cbor2.dumps({1: algorithm, 4: ISSUER.kid}, canonical=True)
    message = cose.CoseSign1(header, {}, {}, PARTS.payload, b"").signature_input()
    assert reason(token(protected=header, signature=ISSUER.private_key.sign(message))) is Reason.BAD_SIGNATURE


def test_several_keys_may_share_a_key_id() -> None:
    other = replace(ISSUER.trusted_key(), public_key=Ed25519PrivateKey.from_private_bytes(b"o" * 32).public_key())
    rsa_key = replace(ISSUER.trusted_key(), public_key=rsa.generate_private_key(65537, 2048).public_key())
    verifier = CredentialVerifier(
        trust_list.make_trust_list([other, rsa_key, ISSUER.trusted_key()], number=1, issued_at=NOW_AT)
    )
    assert reason(VALID, verifier=verifier) is None
    assert (
        reason(
            VALID, verifier=CredentialVerifier(trust_list.make_trust_list([other, rsa_key], number=1, issued_at=NOW_AT))
        )
        is Reason.BAD_SIGNATURE
    )


@pytest.mark.parametrize("shift", [timedelta(days=-401), timedelta(days=401)])
def test_a_pass_issued_outside_the_keys_validity_is_refused(shift: timedelta) -> None:
    code = sign_pass(ISSUER, SERIAL, NOW_AT + shift, NOW_AT + timedelta(days=500))
    assert reason(code) is Reason.KEY_NOT_ALLOWED


@pytest.mark.parametrize("edge", [ISSUER.not_before_at, ISSUER.not_after_at])
def test_the_limits_of_the_keys_validity_are_inclusive(edge: Any) -> None:
    assert reason(sign_pass(ISSUER, SERIAL, edge, NOW_AT + timedelta(days=500))) is None


def test_an_issuer_may_sign_only_its_status_classes() -> None:
    key = make_issuer_key(ISSUER.not_before_at, ISSUER.not_after_at, status_classes=frozenset({2, 3}))
    verifier = CredentialVerifier(trust_list.make_trust_list([key.trusted_key()], number=1, issued_at=NOW_AT))

    def of_class(number: int) -> bytes:
        return sign_pass(key, SERIAL, NOW_AT, NOW_AT + timedelta(days=1), status_class=number)

    assert [reason(of_class(number), verifier=verifier) for number in (1, 2, 3)] == [
        Reason.KEY_NOT_ALLOWED,
        None,
        None,
    ]


def test_removing_one_issuer_leaves_the_others_valid() -> None:
    other = make_issuer_key(ISSUER.not_before_at, ISSUER.not_after_at)
    others = sign_pass(other, SERIAL, NOW_AT, NOW_AT + timedelta(days=1))
    both = CredentialVerifier(
        trust_list.make_trust_list([ISSUER.trusted_key(), other.trusted_key()], number=1, issued_at=NOW_AT)
    )
    assert [reason(code, verifier=both) for code in (VALID, others)] == [None, None]
    both.set_lists(trust_list.make_trust_list([other.trusted_key()], number=2, issued_at=NOW_AT), None)
    assert [reason(code, verifier=both) for code in (VALID, others)] == [Reason.UNKNOWN_KEY, None]
