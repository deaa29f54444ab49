"""Coverage-guided fuzzer for the credential verifier: `python -m tests.fuzz.credentials CORPUS_DIR -max_total_time=3600`.

`judge` checks: for any bytes the result is a Claim or a Refusal, and only signed codes are verified. It needs atheris (a
development tool, not in the lock file). tests/fuzz/test_credentials_corpus.py replays the corpus that it found.
"""

import contextlib
import sys
import zlib
from datetime import UTC, datetime

import cbor2

from kiosk.core.model import Assurance, Claim, ClockQuality, ClockReading, Refusal
from kiosk.credentials import CredentialVerifier, is_known_format
from kiosk.credentials.formats import base45, cose, fields
from kiosk.credentials.issuing.samples import SampleData, make_sample_data
from kiosk.credentials.trust import denylist, trust_list

NOW = ClockReading(datetime(2026, 11, 23, 1, tzinfo=UTC), 1000.0, ClockQuality.SYNCHRONISED)
WORLD: SampleData = make_sample_data(NOW.utc_at, seed=7)
TRUE_CODES = frozenset(sample.data for sample in WORLD.samples)
# The signed bytes inside the codes. The same token may have another encoding.
TRUE_PASSES = frozenset(
    base45.decode_base45(sample.data[5:]) for sample in WORLD.samples if sample.data.startswith(b"HUE1:")
)


TRUST_LIST = trust_list.parse_trust_list(WORLD.trust_list, WORLD.root_pem)
DENYLIST = denylist.parse_denylist(WORLD.denylist, WORLD.root_pem)


def dispatcher() -> CredentialVerifier:
    """A new verifier with the sample lists and without remembered rotating passes."""
    return CredentialVerifier(TRUST_LIST, DENYLIST)


def dressed(data: bytes) -> tuple[bytes, bool]:
    """A code from fuzzed bytes, and True if our key signed it. The first byte selects the layer that gets the other bytes."""
    layer, rest = data[:1], data[1:]
    signer = WORLD.issuer
    if layer == b"1":
        return b"HUE1:" + base45.encode_base45(rest).encode(), False
    if layer == b"2":
        return b"HUE1:" + base45.encode_base45(cose.make_sign1(signer.private_key, signer.kid, rest)).encode(), True
    if layer == b"3":
        return b"HC1:" + base45.encode_base45(zlib.compress(rest, 1)).encode(), False
    if layer == b"4":
        token = cose.make_sign1(WORLD.hcert_key, WORLD.hcert_kid, rest)
        return b"HC1:" + base45.encode_base45(zlib.compress(token, 1)).encode(), True
    if layer == b"5":  # a fuzzed proof with a valid token
        both = cbor2.dumps([base45.decode_base45(WORLD["valid"].data[5:]), rest], canonical=True)
        return b"HUE1:" + base45.encode_base45(both).encode(), False
    return data, False


def judge(data: bytes, codes: frozenset[bytes] = TRUE_CODES, passes: frozenset[bytes] = TRUE_PASSES) -> None:
    """Raises AssertionError for a wrong result, and any exception of the verifier. `codes` and `passes` are the signed ones."""
    code, signed = dressed(data)
    result = dispatcher().verify(code, NOW)
    assert isinstance(result, Claim | Refusal)
    assert isinstance(is_known_format(code), bool)
    code = fields.trim_code(code)
    if isinstance(result, Claim):
        assert result.subject.identifiers
        if result.assurance is Assurance.VERIFIED and not signed:
            inner = b""
            with contextlib.suppress(ValueError):
                inner = base45.decode_base45(code[5:])
            assert code in codes or inner in passes or code.startswith(b"HC1:"), "verified, and never signed"
            if code.startswith(b"HC1:"):
                assert result.subject == WORLD["hcert"].subject, "verified, and never signed"


def main() -> None:
    """Run under atheris, with the arguments of libFuzzer."""
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

    atheris.instrument_all()
    atheris.Setup(sys.argv, judge)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
