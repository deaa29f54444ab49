"""Base45 (RFC 9285), strict: one text for one byte string, and nothing else.

The packages on PyPI forgive a trailing newline or keep an inner loop per character; at this gate a text is either the encoding
of some bytes or it is refused.
"""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUES = {character: value for value, character in enumerate(_ALPHABET.encode("ascii"))}


def decode(text: bytes) -> bytes:
    """Undo `encode`. Raises ValueError for whatever `encode` cannot have written (RFC 9285 section 4.2)."""
    try:
        digits = [_VALUES[character] for character in text]
    except KeyError:
        raise ValueError("a character that is not in the base45 alphabet") from None
    tail = len(digits) % 3
    if tail == 1:
        raise ValueError("a lone base45 character at the end")
    whole = len(digits) - tail
    out = bytearray()
    for first, second, third in zip(digits[0:whole:3], digits[1:whole:3], digits[2:whole:3], strict=True):
        number = first + 45 * second + 2025 * third
        if number > 0xFFFF:
            raise ValueError("a base45 triplet above 65535")
        out += number.to_bytes(2, "big")
    if tail:
        number = digits[-2] + 45 * digits[-1]
        if number > 0xFF:
            raise ValueError("a base45 pair above 255")
        out.append(number)
    return bytes(out)


def encode(data: bytes) -> str:
    """Bytes to base45 text (RFC 9285 section 4.1)."""
    out: list[str] = []
    for start in range(0, len(data) - 1, 2):
        number = data[start] << 8 | data[start + 1]
        out += (_ALPHABET[number % 45], _ALPHABET[number // 45 % 45], _ALPHABET[number // 2025])
    if len(data) % 2:
        out += (_ALPHABET[data[-1] % 45], _ALPHABET[data[-1] // 45])
    return "".join(out)
