"""The three signature algorithms against the Wycheproof test vectors, which contain malicious signatures."""

import json
from collections import Counter
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kiosk.credentials.formats import cose
from tests.paths import SHARED

FOLDER = SHARED / "vectors" / "wycheproof"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the public vectors do not lie beside this checkout")


def groups(name: str) -> list[dict[str, Any]]:
    tree = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    found = tree["testGroups"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ed25519_test.json", ed25519.Ed25519PublicKey),
        ("ecdsa_secp256r1_sha256_p1363_test.json", ec.EllipticCurvePublicKey),
        ("rsa_pss_2048_sha256_mgf1_32_test.json", rsa.RSAPublicKey),
    ],
)
def test_each_wycheproof_vector_gives_its_expected_result(name: str, kind: Any) -> None:
    counted: Counter[str] = Counter()
    for group in groups(name):
        key = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
        assert isinstance(key, kind)
        for vector in group["tests"]:
            holds = cose.is_signature_valid(key, bytes.fromhex(vector["sig"]), bytes.fromhex(vector["msg"]))
            assert vector["result"] in {"valid", "invalid"}, "an `acceptable` vector needs a decision of ours"
            assert holds is (vector["result"] == "valid"), (name, vector["tcId"], vector["comment"])
            counted[vector["result"]] += 1
    assert min(counted["valid"], counted["invalid"]) > 20
