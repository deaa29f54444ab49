"""Base45 (RFC 9285), strict: each byte string has exactly one encoding, and nothing else is accepted.

Packages on PyPI accept a trailing newline or loop over each character. Here a text that `encode_base45` cannot have written is
refused, and speed matters because each signed code passes through this module.
"""

import numpy as np

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_INVALID_DIGIT = 255
_DIGITS = bytes(_ALPHABET.find(byte) % 256 for byte in range(256))
_WEIGHTS = np.array([1, 45, 2025], np.uint32)


def decode_base45(text: bytes) -> bytes:
    """Undo `encode_base45`. Raises ValueError for a text that it cannot have written (RFC 9285 section 4.2)."""
    values = text.translate(_DIGITS)
    if _INVALID_DIGIT in values:
        raise ValueError("a character outside the base45 alphabet")
    tail = len(values) % 3
    if tail == 1:
        raise ValueError("a lone base45 character at the end")
    digits = np.frombuffer(values, np.uint8, len(values) - tail)
    numbers = digits.reshape(-1, 3).astype(np.uint32) @ _WEIGHTS
    if numbers.size and numbers.max() > 0xFFFF:
        raise ValueError("a base45 triplet above 65535")
    whole = numbers.astype(">u2").tobytes()
    if not tail:
        return whole
    last = values[-2] + 45 * values[-1]
    if last > 0xFF:
        raise ValueError("a base45 pair above 255")
    return whole + bytes((last,))


def encode_base45(data: bytes) -> str:
    """Bytes to base45 text (RFC 9285 section 4.1)."""
    out = bytearray()
    for start in range(0, len(data) - 1, 2):
        number = data[start] << 8 | data[start + 1]
        out += bytes((_ALPHABET[number % 45], _ALPHABET[number // 45 % 45], _ALPHABET[number // 2025]))
    if len(data) % 2:
        out += bytes((_ALPHABET[data[-1] % 45], _ALPHABET[data[-1] // 45]))
    return out.decode("ascii")
