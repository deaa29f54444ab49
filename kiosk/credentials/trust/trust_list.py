"""The trust list: which keys may sign what, and in which period."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from kiosk.core import file_names
from kiosk.core.model import CodeKind
from kiosk.credentials.formats.cose import PublicKey
from kiosk.credentials.trust import files, signed_list
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.signed_list import SignedList
from mqtt.broker.key_errors import UNREADABLE_KEY

ROOT_PUBLIC_KEY_FILE = file_names.ROOT_PUBLIC_KEY
"""The root's public key if no other is named: beside the list."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """One key and what its owner may sign."""

    kid: bytes
    """4 bytes for entry passes, 8 for HCERT. Several keys may share one."""
    kind: CodeKind
    """CodeKind.ENTRY_PASS or CodeKind.HCERT."""
    public_key: PublicKey = field(repr=False)
    not_before_at: datetime
    not_after_at: datetime
    uses: frozenset[str] = frozenset()
    """HCERT: of `v`, `t`, `r`. Entry pass: status classes as text. Empty: all."""
    label: str = ""


@dataclass(frozen=True, slots=True)
class TrustList:
    """Keys by (kind, kid), with the list's number and date."""

    number: int
    issued_at: datetime
    keys: Mapping[tuple[CodeKind, bytes], tuple[TrustedKey, ...]] = field(repr=False)

    def find_keys(self, kind: CodeKind, kid: bytes) -> tuple[TrustedKey, ...]:
        """All keys that may have signed a token with this kid. Try each of them."""
        return self.keys.get((kind, kid), ())

    def __iter__(self) -> Iterator[TrustedKey]:
        for group in self.keys.values():
            yield from group


def make_trust_list(keys: Iterable[TrustedKey], *, number: int, issued_at: datetime) -> TrustList:
    """Make a trust list of keys."""
    groups: dict[tuple[CodeKind, bytes], list[TrustedKey]] = defaultdict(list)
    for key in keys:
        groups[key.kind, key.kid].append(key)
    return TrustList(number, issued_at, MappingProxyType({place: tuple(group) for place, group in groups.items()}))


def sign_trust_list(root: Ed25519PrivateKey, trust_list: TrustList) -> bytes:
    """Sign a trust list for the kiosks."""
    entries = [
        [
            key.kid,
            str(key.kind),
            public_key_der(key.public_key),
            int(key.not_before_at.timestamp()),
            int(key.not_after_at.timestamp()),
            sorted(key.uses),
            key.label,
        ]
        for key in trust_list
    ]
    return signed_list.sign_list(
        root, SignedList("trust", trust_list.number, trust_list.issued_at, len(entries), entries)
    )


def parse_trust_list(data: bytes, root_pem: bytes) -> TrustList:
    """Check and read a signed trust list. Raises ListError."""
    found = signed_list.verify_signed_list(data, signed_list.load_root_public_key(root_pem), "trust")
    try:
        keys = [_parse_key(entry) for entry in found.entries]
    except (*UNREADABLE_KEY, IndexError, OverflowError) as error:
        raise ListError("The trust list has a key that this version cannot read. Update the kiosk.") from error
    if len(keys) != found.count:
        raise ListError(
            f"The trust list announces {found.count} keys but has {len(keys)}. Ask the centre for it again."
        )
    return make_trust_list(keys, number=found.number, issued_at=found.issued_at)


def load_trust_list(path: Path, root_path: Path | None = None) -> TrustList:
    """Read a trust list file. The root's public key is `root.pem` beside it unless named. Raises ListError."""
    return parse_trust_list(
        files.read_list_file(path), files.read_list_file(root_path or path.with_name(ROOT_PUBLIC_KEY_FILE))
    )


def public_key_der(key: PublicKey) -> bytes:
    """A public key as DER SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _parse_key(entry: Any) -> TrustedKey:
    kid, kind, der, not_before, not_after, uses, label = entry
    public_key = load_der_public_key(der)
    if not isinstance(public_key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise TypeError("a type of key that is not supported")
    return TrustedKey(
        kid=bytes(kid),
        kind=CodeKind(kind),
        public_key=public_key,
        not_before_at=datetime.fromtimestamp(not_before, UTC),
        not_after_at=datetime.fromtimestamp(not_after, UTC),
        uses=frozenset(uses),
        label=str(label),
    )
