"""The private sealing key as words for three holders, of whom two are needed (SLIP-39, by the library of its authors)."""

import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics

HOLDERS, NEEDED = 3, 2


class SharesError(ValueError):
    """The words do not give a key. The text says why."""


def split(private_key: bytes) -> list[str]:
    """Three lines of 33 words. Any two of them give the 32 bytes of the key."""
    ((*lines,),) = generate_mnemonics(1, [(NEEDED, HOLDERS)], private_key)
    return list(lines)


def join(lines: Sequence[str]) -> bytes:
    """The key from the words of two holders. Raises SharesError."""
    words = [" ".join(line.lower().split()) for line in lines]
    try:
        return bytes(combine_mnemonics(words))
    except MnemonicError as error:
        raise SharesError(f"these words do not give a key: {error}") from error


def fingerprint(key: X25519PublicKey) -> str:
    """First 16 hexadecimal digits of SHA-256 over the key, in groups of four, as it is printed on paper."""
    digits = hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]
    return " ".join(digits[index : index + 4] for index in range(0, 16, 4))
