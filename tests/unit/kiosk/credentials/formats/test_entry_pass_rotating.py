"""A rotating pass is accepted only with a fresh proof of its holder: no photo, no copy, no replay."""

from datetime import timedelta
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.core.model import ClockQuality, Reason
from kiosk.credentials import CredentialVerifier
from kiosk.credentials.formats import base45, replay_cache
from kiosk.credentials.issuing import make_rotating_pass, sign_pass
from kiosk.credentials.trust import denylist, trust_list
from tests.fakes.data.entry_passes import HOLDER, HOLDER_RAW, ISSUER, SERIAL, VALID, reason, rotating, text
from tests.fakes.data.people import NOW_AT, dispatcher, moment


def test_a_fresh_proof_is_accepted_once() -> None:
    verifier, code = dispatcher(), make_rotating_pass(rotating(), HOLDER, NOW_AT)
    assert reason(code, verifier=verifier) is None
    assert reason(code, moment(20), verifier) is Reason.REPLAYED
    assert reason(make_rotating_pass(rotating(), HOLDER, NOW_AT + timedelta(seconds=15)), moment(20), verifier) is None


def test_a_token_without_a_proof_is_refused() -> None:
    assert reason(rotating()) is Reason.NO_PROOF


@pytest.mark.parametrize(
    ("apart_s", "expected"), [(-61, Reason.STALE_PROOF), (-60, None), (60, None), (61, Reason.STALE_PROOF)]
)
def test_a_proof_is_valid_for_a_minute_before_and_after(apart_s: int, expected: Reason | None) -> None:
    assert reason(make_rotating_pass(rotating(), HOLDER, NOW_AT), moment(apart_s)) is expected


def test_an_unset_clock_does_not_check_freshness() -> None:
    adrift = moment(jumped=timedelta(days=-20_000), quality=ClockQuality.UNSET)
    assert reason(make_rotating_pass(rotating(), HOLDER, NOW_AT), adrift) is None


def test_a_proof_by_another_holder_is_refused() -> None:
    thief = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
    assert reason(make_rotating_pass(rotating(), thief, NOW_AT)) is Reason.BAD_SIGNATURE


def test_a_proof_for_another_token_is_refused() -> None:
    other = sign_pass(ISSUER, b"0123456789", NOW_AT, NOW_AT + timedelta(days=1), holder_key=HOLDER_RAW)
    mine = cbor2.loads(base45.decode_base45(make_rotating_pass(rotating(), HOLDER, NOW_AT)[5:]))
    spliced = [base45.decode_base45(other[5:]), mine[1]]
    assert reason(text(cbor2.dumps(spliced, canonical=True))) is Reason.BAD_SIGNATURE


def test_a_card_needs_no_proof_and_accepts_none() -> None:
    assert reason(make_rotating_pass(VALID, HOLDER, NOW_AT)) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({1: -8}, {6: 1.5}),
        ({1: -8}, {6: -1}),
        ({1: -8}, {6: True}),
        ({1: -8}, {6: 1, 7: 1}),
        ({1: -8}, [6]),
        ({1: -7}, {6: 1}),
        ({1: -8, 4: b"k"}, {6: 1}),
    ],
)
def test_a_proof_of_another_form_is_malformed(header: dict[int, Any], claims: Any) -> None:
    raw = base45.decode_base45(rotating()[5:])
    proof = cbor2.CBORTag(18, [cbor2.dumps(header, canonical=True), {}, cbor2.dumps(claims, canonical=True), b"s" * 64])
    code = text(cbor2.dumps([raw, cbor2.dumps(proof, canonical=True)], canonical=True))
    assert reason(code) is Reason.MALFORMED


def test_an_unprotected_header_in_the_proof_is_malformed() -> None:
    raw = base45.decode_base45(rotating()[5:])
    proof = cbor2.CBORTag(18, [cbor2.dumps({1: -8}), {4: b"k"}, cbor2.dumps({6: 1}), b"s" * 64])
    assert reason(text(cbor2.dumps([raw, cbor2.dumps(proof, canonical=True)], canonical=True))) is Reason.MALFORMED


def test_a_revoked_app_pass_is_refused_like_a_card() -> None:
    verifier = CredentialVerifier(
        trust_list.make_trust_list([ISSUER.trusted_key()], number=1, issued_at=NOW_AT),
        denylist.make_denylist([SERIAL], number=4, issued_at=NOW_AT),
    )
    assert reason(make_rotating_pass(rotating(), HOLDER, NOW_AT), verifier=verifier) is Reason.REVOKED


def test_proofs_are_dropped_once_they_are_too_old_to_be_accepted() -> None:
    replays = replay_cache.ReplayCache()
    assert replays.add_if_new(SERIAL, 1, moment(0))
    assert not replays.add_if_new(SERIAL, 1, moment(120))
    assert replays.add_if_new(SERIAL, 1, moment(120.5))


def test_the_replay_cache_is_bounded() -> None:
    replays = replay_cache.ReplayCache()
    for number in range(replay_cache.MAX_CACHED_PROOFS + 5):
        assert replays.add_if_new(SERIAL, number, moment())
    assert replays.add_if_new(SERIAL, 0, moment())
    assert not replays.add_if_new(SERIAL, replay_cache.MAX_CACHED_PROOFS + 4, moment())
