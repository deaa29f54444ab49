"""Adds our lines to config.txt and cmdline.txt of a Raspberry Pi, between markers, and removes them. Pure text."""

from collections.abc import Iterable

BEGIN = "# >>> entrance-kiosk (install.sh writes and removes these lines)"
END = "# <<< entrance-kiosk"
BLOCK = f"{BEGIN}\n[all]\ninclude entrance-kiosk.txt\n{END}\n"


def with_block(text: str) -> str:
    """config.txt with our block exactly once, at its end. An older block is replaced."""
    plain = without_block(text)
    gap = "" if not plain or plain.endswith("\n") else "\n"
    return f"{plain}{gap}{BLOCK}"


def without_block(text: str) -> str:
    """config.txt without our block. A block without an end marker ends at the end of the file."""
    remaining: list[str] = []
    in_block = False
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        if stripped == BEGIN:
            in_block = True
        elif stripped == END and in_block:
            in_block = False
        elif not in_block:
            remaining.append(line)
    return "".join(remaining)


def cmdline_words(fragment: str) -> list[str]:
    """Parameters in firmware_config/boot/cmdline.txt, without its comments."""
    return [word for line in fragment.splitlines() if not line.startswith("#") for word in line.split()]


def missing_words(cmdline: str, wanted: Iterable[str]) -> list[str]:
    """Those of the wanted parameters that a kernel command line lacks. A value set by the owner for the same key stays."""
    present = cmdline.split()
    keys = {_parameter_key(word) for word in present}
    return [word for word in wanted if word not in present and _parameter_key(word) not in keys]


def with_words(line: str, added: Iterable[str]) -> str:
    """A kernel command line (one line with a newline) with parameters added at its end."""
    return " ".join([*line.split(), *added]) + "\n"


def without_words(line: str, taken: Iterable[str]) -> str:
    """A kernel command line without parameters that were added."""
    removed = set(taken)
    return " ".join(word for word in line.split() if word not in removed) + "\n"


def _parameter_key(word: str) -> str:
    """`panic=10` and `panic=5` have the same key. So do two modes of one video connector, which is before the colon."""
    key, sign, value = word.partition("=")
    return f"{key}={value.partition(':')[0]}" if sign and key == "video" else key
