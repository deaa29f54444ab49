"""Turns key events of a scanner that acts as a keyboard (US layout) into the bytes of its code; pure.

The numbers are those of linux/input-event-codes.h, which never change.
"""

_ROWS = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
)
"""First key of a row, then its characters without and with Shift."""
_KEYPAD = {
    71: "7",
    72: "8",
    73: "9",
    74: "-",
    75: "4",
    76: "5",
    77: "6",
    78: "+",
    79: "1",
    80: "2",
    81: "3",
    82: "0",
    83: ".",
    98: "/",
    55: "*",
}
_OTHERS = {57: " ", 28: "\n", 96: "\n", 15: "\t"}
SHIFTS = frozenset({42, 54})
PRESSED, REPEATED = 1, 2
"""Values of a key event. 0: released."""

PLAIN = {first + place: key for first, plain, _ in _ROWS for place, key in enumerate(plain)} | _KEYPAD | _OTHERS
SHIFTED = PLAIN | {first + place: key for first, _, shifted in _ROWS for place, key in enumerate(shifted)}


class KeyDecoder:
    """Follows the Shift keys. One thread."""

    def __init__(self) -> None:
        self._shifts_down: set[int] = set()

    def feed(self, key: int, value: int) -> bytes:
        """The bytes of one key event: one character, or none for other keys and for releases."""
        if key in SHIFTS:
            (self._shifts_down.discard if not value else self._shifts_down.add)(key)
            return b""
        if value not in (PRESSED, REPEATED):
            return b""
        return (SHIFTED if self._shifts_down else PLAIN).get(key, "").encode("ascii")

    def reset(self) -> None:
        """Forget which keys are down, because events were lost."""
        self._shifts_down.clear()
