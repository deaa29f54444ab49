"""Base45 (RFC 9285), strict: one text for one byte string, and nothing else.

The packages on PyPI forgive a trailing newline or loop per character; at this gate a text is either the encoding of some bytes or
it is refused, and it is on the way of every single code.
"""

import numpy as np

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_NO_DIGIT = 255
_DIGITS = bytes(_ALPHABET.find(byte) % 256 for byte in range(256))
_WEIGHTS = np.array([1, 45, 2025], np.uint32)


def decode(text: bytes) -> bytes:
    """Undo `encode`. Raises ValueError for whatever `encode` cannot have written (RFC 9285 section 4.2)."""
    values = text.translate(_DIGITS)
    if _NO_DIGIT in values:
        raise ValueError("a character that is not in the base45 alphabet")
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


def encode(data: bytes) -> str:
    """Bytes to base45 text (RFC 9285 section 4.1)."""
    out = bytearray()
    for start in range(0, len(data) - 1, 2):
        number = data[start] << 8 | data[start + 1]
        out += bytes((_ALPHABET[number % 45], _ALPHABET[number // 45 % 45], _ALPHABET[number // 2025]))
    if len(data) % 2:
        out += bytes((_ALPHABET[data[-1] % 45], _ALPHABET[data[-1] // 45]))
    return out.decode("ascii")
