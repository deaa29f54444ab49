"""HCERT against independent vectors: the EU's test data, evaluated as its README specifies."""

import base64
import json
import warnings
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kiosk.core import rules
from kiosk.core.model import Claim, ClockQuality, ClockReading, CodeKind, Reason, Refusal, VisitHistory
from kiosk.credentials import CredentialVerifier
from kiosk.credentials.formats import base45, cose, hcert
from kiosk.credentials.issuing import list_builder
from kiosk.credentials.trust import trust_list
from kiosk.credentials.trust.trust_list import TrustList
from tests.paths import SHARED

VECTORS = SHARED / "vectors" / "hcert" / "dgc-testdata"
FILES = sorted(VECTORS.rglob("*.json"))
pytestmark = pytest.mark.skipif(not FILES, reason="the public vectors do not lie beside this checkout")


def place(path: Path) -> str:
    return str(path.relative_to(VECTORS)).replace("/2DCode/raw/", "/").replace("/2DCode/Raw/", "/")


@cache
def vector(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def clock(tree: dict[str, Any]) -> ClockReading:
    text = tree["TESTCTX"].get("VALIDATIONCLOCK") or tree["TESTCTX"].get("validationClockInstant")
    at = datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else datetime(2021, 6, 1, tzinfo=UTC)
    return ClockReading(at if at.tzinfo else at.replace(tzinfo=UTC), 0.0, ClockQuality.SYNCHRONISED)


def trusting(tree: dict[str, Any], folder: Path) -> TrustList:
    """A trust list of the vector's certificate, as `kiosk trust build` makes it."""
    certificate = folder / "signer.der"
    certificate.write_bytes(base64.b64decode(tree["TESTCTX"]["CERTIFICATE"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cryptography warns about invalid serial numbers and versions of some states
        keys = list_builder.read_trusted_keys(certificate)
    return trust_list.make_trust_list(keys, number=1, issued_at=datetime(2021, 5, 1, tzinfo=UTC))


def answer_to(tree: dict[str, Any], folder: Path) -> Claim | Refusal:
    return CredentialVerifier(trusting(tree, folder)).verify(tree["PREFIX"].encode(), clock(tree))


def expecting(name: str, needs: str = "PREFIX") -> list[Any]:
    """Vectors with this expectation. Some that expect an image (FR, IE, LV) have none and are skipped."""
    chosen = [path for path in FILES if name in vector(path)["EXPECTEDRESULTS"] and vector(path).get(needs)]
    return [pytest.param(path, vector(path)["EXPECTEDRESULTS"][name], id=place(path)) for path in chosen]


@pytest.mark.parametrize(("path", "expected"), expecting("EXPECTEDVERIFY"))
def test_the_signature_result_is_that_of_the_vector(path: Path, expected: bool, tmp_path: Path) -> None:
    answer = answer_to(vector(path), tmp_path)
    assert isinstance(answer, Claim) is expected, answer
    if isinstance(answer, Refusal):
        assert answer.reason in {Reason.BAD_SIGNATURE, Reason.UNKNOWN_KEY, Reason.MALFORMED}


@pytest.mark.parametrize(("path", "expected"), expecting("EXPECTEDEXPIRATIONCHECK"))
def test_the_validity_at_the_vectors_clock_is_that_of_the_vector(path: Path, expected: bool, tmp_path: Path) -> None:
    answer = answer_to(vector(path), tmp_path)
    assert isinstance(answer, Claim), answer
    decision = rules.decide_access(answer, VisitHistory(), rules.AccessPolicy(), 0, clock(vector(path)))
    in_time = decision.reason not in (Reason.EXPIRED, Reason.NOT_YET_VALID)
    assert in_time is expected
    assert decision.reason is Reason.OK or not in_time or answer.speaks_against_entry
    assert expected or decision.reason in {Reason.EXPIRED, Reason.NOT_YET_VALID}


@pytest.mark.parametrize(("path", "expected"), expecting("EXPECTEDKEYUSAGE"))
def test_the_key_usage_result_is_that_of_the_vector(path: Path, expected: bool, tmp_path: Path) -> None:
    answer = answer_to(vector(path), tmp_path)
    assert isinstance(answer, Claim) is expected, answer
    assert expected or (isinstance(answer, Refusal) and answer.reason is Reason.KEY_NOT_ALLOWED)


@pytest.mark.parametrize(("path", "expected"), expecting("EXPECTEDUNPREFIX"))
def test_the_prefix_result_is_that_of_the_vector(path: Path, expected: bool) -> None:
    text = vector(path)["PREFIX"].encode()
    assert text.startswith(hcert.PREFIX) is expected
    if expected and "BASE45" in vector(path):
        assert text[len(hcert.PREFIX) :] == vector(path)["BASE45"].encode()
    if not expected:
        answer = CredentialVerifier(
            trust_list.make_trust_list([], number=1, issued_at=clock(vector(path)).utc_at)
        ).verify(text, clock(vector(path)))
        assert isinstance(answer, Refusal)
        assert answer.kind in {CodeKind.UNSUPPORTED, CodeKind.UNKNOWN}


@pytest.mark.parametrize(("path", "expected"), expecting("EXPECTEDB45DECODE"))
def test_the_base45_result_is_that_of_the_vector(path: Path, expected: bool) -> None:
    text = vector(path)["BASE45"].encode()
    if expected:
        assert base45.encode_base45(base45.decode_base45(text)).encode() == text
    else:
        with pytest.raises(ValueError, match="base45"):
            base45.decode_base45(text)


@pytest.mark.parametrize(("path", "expected"), expecting("EXPECTEDCOMPRESSION"))
def test_the_zlib_result_is_that_of_the_vector(path: Path, expected: bool) -> None:
    text = vector(path)["PREFIX"].encode()
    if not expected:
        with pytest.raises(ValueError, match="zlib"):
            hcert.parse_hcert(text)
    else:
        assert hcert.extract_cose_bytes(text) == bytes.fromhex(vector(path)["COSE"])


@pytest.mark.parametrize(("path", "expected"), expecting("EXPECTEDDECODE"))
def test_the_cbor_result_is_that_of_the_vector(path: Path, expected: bool, tmp_path: Path) -> None:
    text = vector(path)["PREFIX"].encode()
    answer = answer_to(vector(path), tmp_path)
    if not expected:
        assert answer == Refusal(CodeKind.HCERT, Reason.MALFORMED, "signed, but contains no certificate")
        return
    claims = cose.decode_external_cbor(hcert.parse_hcert(text).payload)
    assert isinstance(claims[hcert.HCERT_CLAIM][1], dict)
    assert not isinstance(answer, Refusal) or answer.reason is not Reason.MALFORMED


@pytest.mark.parametrize(("path", "expected"), expecting("EXPECTEDPICTUREDECODE", "2DCODE"))
def test_the_qr_image_result_is_that_of_the_vector(path: Path, expected: bool) -> None:
    cv2 = pytest.importorskip("cv2")
    from kiosk.decoding.still_image import decode_image

    data = np.frombuffer(base64.b64decode(vector(path)["2DCODE"]), np.uint8)
    luma = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    found = [reading.data for reading in decode_image(luma)] if luma is not None else []
    assert (vector(path)["PREFIX"].encode() in found) is expected
