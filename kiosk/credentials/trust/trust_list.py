"""The trust list: which keys may sign what, from when until when."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from kiosk.core.model import CodeKind
from kiosk.credentials.formats.cose import PublicKey
from kiosk.credentials.trust import files, signed_list
from kiosk.credentials.trust.files import ListTrouble
from kiosk.credentials.trust.signed_list import Envelope

ROOT_FILE = "root.pem"
"""The root's public key, where nobody names another: beside the list."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """One key, and what its owner may sign."""

    kid: bytes
    """4 bytes for own passes, 8 for HCERT; several keys may share one."""
    kind: CodeKind
    """Kind.PASS or Kind.HCERT."""
    public_key: PublicKey = field(repr=False)
    not_before_at: datetime
    not_after_at: datetime
    uses: frozenset[str] = frozenset()
    """HCERT: of `v`, `t`, `r`. Own pass: status classes as text. Empty: all."""
    label: str = ""


@dataclass(frozen=True, slots=True)
class TrustList:
    """Keys by (kind, kid), with the list's number and date."""

    number: int
    issued_at: datetime
    keys: Mapping[tuple[CodeKind, bytes], tuple[TrustedKey, ...]] = field(repr=False)

    def find(self, kind: CodeKind, kid: bytes) -> tuple[TrustedKey, ...]:
        """Every key that a token with this kid may be signed by; try all of them."""
        return self.keys.get((kind, kid), ())

    def __iter__(self) -> Iterator[TrustedKey]:
        for group in self.keys.values():
            yield from group


def of(keys: Iterable[TrustedKey], *, number: int, issued_at: datetime) -> TrustList:
    """Make a trust list of keys."""
    groups: dict[tuple[CodeKind, bytes], list[TrustedKey]] = defaultdict(list)
    for key in keys:
        groups[key.kind, key.kid].append(key)
    return TrustList(number, issued_at, MappingProxyType({place: tuple(group) for place, group in groups.items()}))


def seal(root: Ed25519PrivateKey, trust_list: TrustList) -> bytes:
    """Sign a trust list for the kiosks."""
    entries = [
        [
            key.kid,
            str(key.kind),
            public_der(key.public_key),
            int(key.not_before_at.timestamp()),
            int(key.not_after_at.timestamp()),
            sorted(key.uses),
            key.label,
        ]
        for key in trust_list
    ]
    return signed_list.seal(root, Envelope("trust", trust_list.number, trust_list.issued_at, len(entries), entries))


def parse(data: bytes, root_pem: bytes) -> TrustList:
    """Check and read a signed trust list. Raises ListTrouble."""
    found = signed_list.open_(data, signed_list.load_root(root_pem), "trust")
    try:
        keys = [_key(entry) for entry in found.entries]
    except (TypeError, ValueError, IndexError, OverflowError, UnsupportedAlgorithm) as trouble:
        raise ListTrouble("The trust list has a key that this version cannot read. Update the kiosk.") from trouble
    if len(keys) != found.count:
        raise ListTrouble(f"The trust list says {found.count} keys and holds {len(keys)}. Ask the centre for it again.")
    return of(keys, number=found.number, issued_at=found.issued_at)


def load(path: Path, root_path: Path | None = None) -> TrustList:
    """Read a trust list from a file; the root's public key is `root.pem` beside it unless named. Raises ListTrouble."""
    return parse(files.read(path), files.read(root_path or path.with_name(ROOT_FILE)))


def public_der(key: PublicKey) -> bytes:
    """A public key as DER SubjectPublicKeyInfo."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key(entry: Any) -> TrustedKey:
    kid, kind, der, not_before, not_after, uses, label = entry
    public_key = load_der_public_key(der)
    if not isinstance(public_key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise TypeError("a kind of key that no code here is signed with")
    return TrustedKey(
        kid=bytes(kid),
        kind=CodeKind(kind),
        public_key=public_key,
        not_before_at=datetime.fromtimestamp(not_before, UTC),
        not_after_at=datetime.fromtimestamp(not_after, UTC),
        uses=frozenset(uses),
        label=str(label),
    )
