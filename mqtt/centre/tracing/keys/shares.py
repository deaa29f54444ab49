"""Shares of a private sealing key among holders: any two of three open it, one alone opens nothing (SLIP-39).

A share is a small file on the stick of one holder: its week, the public key, and 33 words. The words of a key that is not
weekly may also stand in a file alone, as they are printed.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics

from mqtt.centre.tracing.keys.private_keys import PrivateKeyError

HOLDERS, NEEDED = 3, 2
SUFFIX = ".share"
_WORDS = 33
_FASTEST = 0
"""Exponent of the iterations. The secret is a random key and has no passphrase, which they would protect."""


@dataclass(frozen=True, slots=True)
class KeyShare:
    """What one holder has of the key of one week."""

    week: str
    """Empty: of a key for all times."""
    public_key: bytes
    """Empty: not known."""
    words: str = field(repr=False)

    def text(self) -> str:
        """The content of its file."""
        content = {"week": self.week, "public_key": self.public_key.hex(), "needed": NEEDED, "words": self.words}
        return json.dumps(content, indent=1) + "\n"


def split_key(key: X25519PrivateKey, week: str) -> list[KeyShare]:
    """One share for each of three holders."""
    public = key.public_key().public_bytes_raw()
    (found,) = generate_mnemonics(1, [(NEEDED, HOLDERS)], key.private_bytes_raw(), iteration_exponent=_FASTEST)
    return [KeyShare(week, public, words) for words in found]


def combine_shares(shares: Sequence[KeyShare]) -> X25519PrivateKey:
    """The private key of two or more shares of one week. Raises PrivateKeyError."""
    name = f"the key of week {shares[0].week}" if shares[0].week else "the key"
    words = list(dict.fromkeys(share.words for share in shares))
    if len(words) < NEEDED:
        raise PrivateKeyError(f"{name} needs the shares of {NEEDED} holders, {len(words)} is here")
    if len({share.public_key for share in shares}) > 1:
        raise PrivateKeyError(f"the shares of {name} are of different keys")
    try:
        key = X25519PrivateKey.from_private_bytes(bytes(combine_mnemonics(words[:NEEDED])))
    except (MnemonicError, ValueError) as error:
        raise PrivateKeyError(f"the shares of {name} do not fit together: {error}") from error
    if shares[0].public_key not in {b"", key.public_key().public_bytes_raw()}:
        raise PrivateKeyError(f"the shares of {name} give another key: one of them was changed")
    return key


def read_share(path: Path) -> KeyShare:
    """The share in a file: of a week, or words alone. Raises PrivateKeyError."""
    try:
        text = path.read_text(encoding="utf-8")
        if len(text.split()) == _WORDS:
            return KeyShare("", b"", " ".join(text.lower().split()))
        found = json.loads(text)
        return KeyShare(str(found["week"]), bytes.fromhex(found["public_key"]), str(found["words"]))
    except OSError as error:
        raise PrivateKeyError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise PrivateKeyError(f"{path} is no share of a sealing key") from error


def keys_of_shares(shares: Iterable[KeyShare]) -> list[X25519PrivateKey]:
    """The keys of all weeks of which there are shares of two holders. Raises PrivateKeyError.

    A week with the share of one holder only is left out where others can be opened. Without any other week it is an error.
    """
    by_week: dict[str, list[KeyShare]] = {}
    for share in shares:
        by_week.setdefault(share.week, []).append(share)
    whole = {week: found for week, found in by_week.items() if len({one.words for one in found}) >= NEEDED}
    return [combine_shares(found) for found in (whole or by_week).values()]
