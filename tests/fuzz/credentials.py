"""A coverage-guided fuzzer on the dispatcher: `python -m tests.fuzz.credentials CORPUS_DIR -max_total_time=3600`.

What it promises is checked by `judge`: whatever the bytes, the answer is a Claim or a Refusal, and nothing is verified but what was
signed. Needs atheris (a development tool, not in the lock file); the corpus that it found is replayed by tests/fuzz/test_credentials_corpus.py.
"""

import contextlib
import sys
import zlib
from datetime import UTC, datetime

import cbor2

from kiosk.core.model import Assurance, Claim, ClockQuality, ClockReading, Refusal
from kiosk.credentials import CredentialVerifier, is_known_format
from kiosk.credentials.formats import base45, cose
from kiosk.credentials.issuing.samples import SampleData, make_sample_data
from kiosk.credentials.trust import denylist, trust_list

NOW = ClockReading(datetime(2026, 11, 23, 1, tzinfo=UTC), 1000.0, ClockQuality.SYNCHRONISED)
WORLD: SampleData = make_sample_data(NOW.utc_at, seed=7)
TRUE_CODES = frozenset(sample.data for sample in WORLD.samples)
# The same token in another dress: these bytes inside the code were signed.
TRUE_PASSES = frozenset(
    base45.decode_base45(sample.data[5:]) for sample in WORLD.samples if sample.data.startswith(b"HUE1:")
)


TRUST_LIST = trust_list.parse_trust_list(WORLD.trust_list, WORLD.root_pem)
DENYLIST = denylist.parse_denylist(WORLD.denylist, WORLD.root_pem)


def dispatcher() -> CredentialVerifier:
    """A fresh verifier of the sample world: it remembers no rotating pass."""
    return CredentialVerifier(TRUST_LIST, DENYLIST)


def dressed(data: bytes) -> tuple[bytes, bool]:
    """Make a code of fuzzed bytes; and whether our own key signed it. The first byte chooses how deep the bytes go in."""
    dress, rest = data[:1], data[1:]
    signer = WORLD.issuer
    if dress == b"1":
        return b"HUE1:" + base45.encode_base45(rest).encode(), False
    if dress == b"2":
        return b"HUE1:" + base45.encode_base45(cose.make_sign1(signer.private_key, signer.kid, rest)).encode(), True
    if dress == b"3":
        return b"HC1:" + base45.encode_base45(zlib.compress(rest, 1)).encode(), False
    if dress == b"4":
        token = cose.make_sign1(WORLD.hcert_key, WORLD.hcert_kid, rest)
        return b"HC1:" + base45.encode_base45(zlib.compress(token, 1)).encode(), True
    if dress == b"5":  # a proof made of fuzz beside a true token
        both = cbor2.dumps([base45.decode_base45(WORLD["valid"].data[5:]), rest], canonical=True)
        return b"HUE1:" + base45.encode_base45(both).encode(), False
    return data, False


def judge(data: bytes, codes: frozenset[bytes] = TRUE_CODES, passes: frozenset[bytes] = TRUE_PASSES) -> None:
    """Raises AssertionError, or what the verifier lets out, where a promise is broken; `codes` and `passes` were signed."""
    code, signed = dressed(data)
    answer = dispatcher().verify(code, NOW)
    assert isinstance(answer, Claim | Refusal)
    assert isinstance(is_known_format(code), bool)
    if isinstance(answer, Claim):
        assert answer.subject.identifiers
        if answer.assurance is Assurance.VERIFIED and not signed:
            inner = b""
            with contextlib.suppress(ValueError):
                inner = base45.decode_base45(code[5:])
            assert code in codes or inner in passes or code.startswith(b"HC1:"), "verified, and never signed"
            if code.startswith(b"HC1:"):
                assert answer.subject == WORLD["hcert"].subject, "verified, and never signed"


def main() -> None:
    """Run under atheris; its arguments are libFuzzer's."""
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

    atheris.instrument_all()
    atheris.Setup(sys.argv, judge)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
