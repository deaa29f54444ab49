"""Builds trust lists and denylists: certificates and public files of issuers in, one signed and numbered file out."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key

from kiosk.core import file_names
from kiosk.core.model import CodeKind
from kiosk.credentials.issuing import key_files, key_purpose
from kiosk.credentials.issuing.output_files import write_output
from kiosk.credentials.issuing.passes import IssuerKey, key_id
from kiosk.credentials.trust import denylist, files, trust_list
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.trust_list import TrustedKey, TrustList
from mqtt.broker.certificate_errors import UNREADABLE_CERTIFICATE

MIN_RSA_BITS = 2048
_ISSUER_FILE = "entrance-kiosk issuer"
ROOT_PRIVATE_KEY_FILE = file_names.ROOT_PRIVATE_KEY
"""The private root key if no other is named: beside the list that it signs."""
# Key usages of hcert-spec 1.0.8 section 3.3.2 (1.3.6.1.4.1[.0].1847.2021.1.{1,2,3}) in DER. They are searched in the bytes because
# `cert.extensions` raises for some certificates in real use.
_KEY_USAGE_OIDS = re.compile(rb"\x2b\x06\x01\x04\x01\x00?\x8e\x37\x8f\x65\x01([\x01\x02\x03])", re.DOTALL)
_USE_OF = {b"\x01": "t", b"\x02": "v", b"\x03": "r"}
_BASE64_DER = re.compile(
    rb"\s*MI[A-Za-z0-9+/=\s]+"
)  # DER begins with 30 8x; the EU gateway publishes certificates in this form
_PEM_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def load_or_create_root_key(path: Path, password: bytes | None) -> Ed25519PrivateKey:
    """Read the root key, or create it with its public half in `root.pem` beside it. Raises KeyFileError."""
    if not path.exists():
        key_files.write_root_key(Ed25519PrivateKey.generate(), path, password)
    key = key_files.read_root_key(path, password)
    write_output(path.with_name(trust_list.ROOT_PUBLIC_KEY_FILE), key_files.public_key_pem(key))
    return key


def build_trust_list(sources: Sequence[Path], path: Path, root: Ed25519PrivateKey, now_at: datetime) -> TrustList:
    """Sign a trust list of these sources and write it to `path`. Its number is one higher than that of the list there."""
    keys = {_key_identity(key): key for source in sources for key in read_trusted_keys(source)}
    for source in sources:
        _require_purpose(source)
    root_der = trust_list.public_key_der(root.public_key())
    if any(trust_list.public_key_der(key.public_key) == root_der for key in keys.values()):
        raise ListError("The root key signs lists only. Use another key for passes: kiosk issue --key FILE.")
    number = _current_list_number(path, root, "trust") + 1
    made = trust_list.make_trust_list(keys.values(), number=number, issued_at=now_at)
    write_output(path, trust_list.sign_trust_list(root, made))
    return made


def add_issuer(issuer: IssuerKey, path: Path, root: Ed25519PrivateKey, now_at: datetime) -> TrustList:
    """Add one issuer to the trust list at `path`, which may not exist yet. An issuer on the list is not added again."""
    known: Iterable[TrustedKey] = ()
    if path.exists():
        found = trust_list.parse_trust_list(files.read_list_file(path), key_files.public_key_pem(root))
        if _key_identity(issuer.trusted_key()) in {_key_identity(key) for key in found}:
            return found
        known = found
    keys = {_key_identity(key): key for key in (*known, issuer.trusted_key())}
    made = trust_list.make_trust_list(
        keys.values(), number=_current_list_number(path, root, "trust") + 1, issued_at=now_at
    )
    write_output(path, trust_list.sign_trust_list(root, made))
    return made


def build_denylist(
    serials: Iterable[bytes], path: Path, root: Ed25519PrivateKey, now_at: datetime, *, replace: bool = False
) -> denylist.Denylist:
    """Add serials to the denylist at `path` (with `replace`: a new list of these only), and sign it."""
    known: Iterable[bytes] = ()
    if path.exists() and not replace:
        known = denylist.parse_denylist(files.read_list_file(path), key_files.public_key_pem(root)).entries
    made = denylist.make_denylist(
        (*known, *serials), number=_current_list_number(path, root, "deny") + 1, issued_at=now_at
    )
    write_output(path, denylist.sign_denylist(root, made))
    return made


def read_trusted_keys(path: Path) -> list[TrustedKey]:
    """Keys of one file: certificates (DER, base64 of it, PEM with one or more) or an issuer's public file. Raises ListError."""
    data = files.read_list_file(path)
    try:
        if data.lstrip()[:1] == b"{":
            return [_parse_issuer(path, json.loads(data))]
        keys = [_hcert_signing_key(certificate) for certificate in _parse_certificates(data)]
    except (*UNREADABLE_CERTIFICATE, KeyError, AttributeError) as error:
        raise ListError(
            f"{path} is neither a certificate (DER or PEM) nor an issuer's public file written by `kiosk issue`."
        ) from error
    _require_strong_keys(path, keys)
    return keys


def _parse_certificates(data: bytes) -> list[x509.Certificate]:
    """Raises UNREADABLE_CERTIFICATE."""
    if _BASE64_DER.fullmatch(data):
        data = base64.b64decode(data)
    blocks = _PEM_BLOCK.findall(data)
    return [x509.load_pem_x509_certificate(block) for block in blocks] or [x509.load_der_x509_certificate(data)]


def _require_purpose(path: Path) -> None:
    """No certificate of this file was made for another purpose only. Raises ListError."""
    data = files.read_list_file(path)
    for certificate in [] if data.lstrip()[:1] == b"{" else _parse_certificates(data):
        purpose = key_purpose.other_purpose(certificate)
        if purpose is not None:
            raise ListError(f"{path} has a key that was made for {purpose}, not for health certificates. Leave it out.")


def _require_strong_keys(path: Path, keys: Iterable[TrustedKey]) -> None:
    """At least 2048 bits (hcert-spec 1.0.8, NIST SP 800-131A). Raises ListError."""
    for key in keys:
        bits = key.public_key.key_size if isinstance(key.public_key, rsa.RSAPublicKey) else MIN_RSA_BITS
        if bits < MIN_RSA_BITS:
            raise ListError(
                f"{path} has an RSA key of {bits} bits, and at least {MIN_RSA_BITS} are needed. "
                "Leave this certificate out, or ask its owner for one with a longer key."
            )


def write_issuer_public_file(issuer: IssuerKey, folder: Path) -> Path:
    """Write the public file of an issuer for `kiosk trust build`. It holds no secret. Returns its path.

    It is `issuer.json`. If that is the file of another issuer, the name has the key id of this one. Raises OutputError.
    """
    tree = {
        "what": _ISSUER_FILE,
        "label": issuer.label,
        "not_before_at": issuer.not_before_at.isoformat(),
        "not_after_at": issuer.not_after_at.isoformat(),
        "status_classes": sorted(issuer.status_classes),
        "public_key": key_files.public_key_pem(issuer.private_key).decode("ascii"),
    }
    content = json.dumps(tree, ensure_ascii=False, indent=1).encode("utf-8")
    path = folder / file_names.ISSUER_PUBLIC_FILE
    if path.exists() and path.read_bytes() != content:
        path = path.with_stem(f"{path.stem}-{issuer.kid.hex()}")
    write_output(path, content)
    return path


def _parse_issuer(path: Path, tree: Any) -> TrustedKey:
    if "kty" in tree or "keys" in tree:
        raise ListError(f"{path} is a JWK. Ask for the certificate of the signer: it says for what the key was made.")
    if tree["what"] != _ISSUER_FILE:
        raise ValueError("another kind of file")
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


def _hcert_signing_key(certificate: x509.Certificate) -> TrustedKey:
    """An HCERT signer. Its kid is the first 8 bytes of SHA-256 of the certificate (hcert-spec 1.0.8 section 3.3.1)."""
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
        uses=frozenset(_USE_OF[usage] for usage in _KEY_USAGE_OIDS.findall(der)),
        label=certificate.subject.rfc4514_string()[:80],
    )


def _key_identity(key: TrustedKey) -> tuple[CodeKind, bytes, bytes]:
    return key.kind, key.kid, trust_list.public_key_der(key.public_key)


def _current_list_number(path: Path, root: Ed25519PrivateKey, list_kind: str) -> int:
    """The number of the present list, or 0. A list signed by another root is an error, not a zero."""
    if not path.exists():
        return 0
    data, pem = files.read_list_file(path), key_files.public_key_pem(root)
    return (
        trust_list.parse_trust_list(data, pem).number
        if list_kind == "trust"
        else denylist.parse_denylist(data, pem).number
    )
