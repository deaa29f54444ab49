"""The two files of a Raspberry Pi's firmware: our part goes in once, between marks, and comes out again. Pure text."""

from collections.abc import Iterable

BEGIN = "# >>> entrance-kiosk (install.sh writes these lines and takes them away)"
END = "# <<< entrance-kiosk"
BLOCK = f"{BEGIN}\n[all]\ninclude entrance-kiosk.txt\n{END}\n"


def with_block(text: str) -> str:
    """config.txt with our block at its end, exactly once, whatever was done to an older one."""
    plain = without_block(text)
    gap = "" if not plain or plain.endswith("\n") else "\n"
    return f"{plain}{gap}{BLOCK}"


def without_block(text: str) -> str:
    """config.txt without our block; a block whose end is gone ends at the file's end."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if bare == BEGIN:
            inside = True
        elif bare == END and inside:
            inside = False
        elif not inside:
            kept.append(line)
    return "".join(kept)


def cmdline_words(fragment: str) -> list[str]:
    """The words of firmware_config/boot/cmdline.txt, without its lines of reasons."""
    return [word for line in fragment.splitlines() if not line.startswith("#") for word in line.split()]


def missing_words(cmdline: str, wanted: Iterable[str]) -> list[str]:
    """Those of the wanted words that a kernel command line lacks; an owner's own value for the same key stays in force."""
    there = cmdline.split()
    keys = {_parameter_key(word) for word in there}
    return [word for word in wanted if word not in there and _parameter_key(word) not in keys]


def with_words(line: str, added: Iterable[str]) -> str:
    """A kernel command line (one line, with its newline) with words at its end."""
    return " ".join([*line.split(), *added]) + "\n"


def without_words(line: str, taken: Iterable[str]) -> str:
    """A kernel command line without words that were once added."""
    gone = set(taken)
    return " ".join(word for word in line.split() if word not in gone) + "\n"


def _parameter_key(word: str) -> str:
    """`panic=10` and `panic=5` say the same thing; so do two modes of one video connector, which stands before a colon."""
    key, sign, value = word.partition("=")
    return f"{key}={value.partition(':')[0]}" if sign and key == "video" else key
