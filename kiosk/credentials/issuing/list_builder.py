"""Making trust lists and denylists: certificates and issuers' public files in, one signed and numbered file out."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key

from kiosk.core.model import CodeKind
from kiosk.credentials.issuing import key_files
from kiosk.credentials.issuing.passes import IssuerKey, key_id
from kiosk.credentials.trust import denylist, files, trust_list
from kiosk.credentials.trust.files import ListTrouble, write_whole
from kiosk.credentials.trust.trust_list import TrustedKey, TrustList

ROOT_KEY_FILE = "root.key"
"""The private root key, where nobody names another: beside the list that it signs."""
# Key usages of hcert-spec 1.0.8 section 3.3.2 (1.3.6.1.4.1[.0].1847.2021.1.{1,2,3}) as DER writes them. They are looked for in the
# bytes because `cert.extensions` raises for some certificates in real use.
_USAGES = re.compile(rb"\x2b\x06\x01\x04\x01\x00?\x8e\x37\x8f\x65\x01([\x01\x02\x03])", re.DOTALL)
_USE_OF = {b"\x01": "t", b"\x02": "v", b"\x03": "r"}
_BARE_BASE64 = re.compile(rb"\s*MI[A-Za-z0-9+/=\s]+")  # DER begins with 30 8x; the EU's gateway hands it out like this
_PEM_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def root_key(path: Path, password: bytes | None) -> Ed25519PrivateKey:
    """Read the root key, or make it with its public half in `root.pem` beside it. Raises KeyFileTrouble."""
    if not path.exists():
        key_files.write_root(Ed25519PrivateKey.generate(), path, password)
    key = key_files.read_root(path, password)
    write_whole(path.with_name(trust_list.ROOT_FILE), key_files.public_pem(key))
    return key


def build_trust(sources: Sequence[Path], path: Path, root: Ed25519PrivateKey, now_at: datetime) -> TrustList:
    """Sign a trust list of these sources and put it at `path`; its number is one more than that of the list there."""
    keys = {_place(key): key for source in sources for key in read_source(source)}
    number = _number_at(path, root, "trust") + 1
    made = trust_list.of(keys.values(), number=number, issued_at=now_at)
    write_whole(path, trust_list.seal(root, made))
    return made


def add_issuer(issuer: IssuerKey, path: Path, root: Ed25519PrivateKey, now_at: datetime) -> TrustList:
    """Add one issuer to the trust list at `path`, which may not exist yet; nothing changes where he is on it."""
    known: Iterable[TrustedKey] = ()
    if path.exists():
        found = trust_list.parse(files.read(path), key_files.public_pem(root))
        if _place(issuer.trusted()) in {_place(key) for key in found}:
            return found
        known = found
    keys = {_place(key): key for key in (*known, issuer.trusted())}
    made = trust_list.of(keys.values(), number=_number_at(path, root, "trust") + 1, issued_at=now_at)
    write_whole(path, trust_list.seal(root, made))
    return made


def build_denylist(
    serials: Iterable[bytes], path: Path, root: Ed25519PrivateKey, now_at: datetime, *, replace: bool = False
) -> denylist.Denylist:
    """Add serials to the denylist at `path` (or make it `anew` of these alone), and sign it."""
    known: Iterable[bytes] = ()
    if path.exists() and not replace:
        known = denylist.parse(files.read(path), key_files.public_pem(root)).entries
    made = denylist.of((*known, *serials), number=_number_at(path, root, "deny") + 1, issued_at=now_at)
    write_whole(path, denylist.seal(root, made))
    return made


def read_source(path: Path) -> list[TrustedKey]:
    """Keys of one file: certificates (DER, base64 of it, PEM with one or many), or an issuer's public file. Raises ListTrouble."""
    data = files.read(path)
    try:
        if data.lstrip()[:1] == b"{":
            return [_issuer(json.loads(data))]
        if _BARE_BASE64.fullmatch(data):
            data = base64.b64decode(data)
        blocks = _PEM_BLOCK.findall(data)
        certificates = [x509.load_pem_x509_certificate(block) for block in blocks] or [
            x509.load_der_x509_certificate(data)
        ]
        return [_signer(certificate) for certificate in certificates]
    except (ValueError, KeyError, TypeError, AttributeError, UnsupportedAlgorithm) as trouble:
        raise ListTrouble(
            f"{path} is neither a certificate (DER or PEM) nor an issuer's public file that `kiosk issue` wrote."
        ) from trouble


def write_public(issuer: IssuerKey, path: Path) -> None:
    """Write what `kiosk trust build` needs of an issuer; nothing in it is secret."""
    tree = {
        "what": "entrance-kiosk issuer",
        "label": issuer.label,
        "not_before_at": issuer.not_before_at.isoformat(),
        "not_after_at": issuer.not_after_at.isoformat(),
        "status_classes": sorted(issuer.status_classes),
        "public_key": key_files.public_pem(issuer.private_key).decode("ascii"),
    }
    write_whole(path, json.dumps(tree, ensure_ascii=False, indent=1).encode("utf-8"))


def _issuer(tree: Any) -> TrustedKey:
    public_key = load_pem_public_key(tree["public_key"].encode("ascii"))
    if not isinstance(public_key, Ed25519PublicKey | ec.EllipticCurvePublicKey):
        raise TypeError("not a key that signs passes")
    return TrustedKey(
        kid=key_id(public_key),
        kind=CodeKind.ENTRY_PASS,
        public_key=public_key,
        not_before_at=datetime.fromisoformat(tree["not_before_at"]),
        not_after_at=datetime.fromisoformat(tree["not_after_at"]),
        uses=frozenset(str(int(each)) for each in tree["status_classes"]),
        label=str(tree["label"]),
    )


def _signer(certificate: x509.Certificate) -> TrustedKey:
    """An HCERT signer; kid is the first 8 bytes of SHA-256 of the certificate (hcert-spec 1.0.8 section 3.3.1)."""
    public_key = certificate.public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise TypeError("not a key of ES256 or PS256")
    der = certificate.public_bytes(Encoding.DER)
    return TrustedKey(
        kid=hashlib.sha256(der).digest()[:8],
        kind=CodeKind.HCERT,
        public_key=public_key,
        not_before_at=certificate.not_valid_before_utc,
        not_after_at=certificate.not_valid_after_utc,
        uses=frozenset(_USE_OF[usage] for usage in _USAGES.findall(der)),
        label=certificate.subject.rfc4514_string()[:80],
    )


def _place(key: TrustedKey) -> tuple[CodeKind, bytes, bytes]:
    return key.kind, key.kid, trust_list.public_der(key.public_key)


def _number_at(path: Path, root: Ed25519PrivateKey, list_kind: str) -> int:
    """The number of the list that is there now, or 0. A list under another root is an error, not a zero."""
    if not path.exists():
        return 0
    data, pem = files.read(path), key_files.public_pem(root)
    return trust_list.parse(data, pem).number if list_kind == "trust" else denylist.parse(data, pem).number
