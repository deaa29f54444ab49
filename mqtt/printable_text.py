"""Makes text of a device safe to print."""


def printable(text: str) -> str:
    """A text of a device for a terminal, a log or a table: without line breaks, escape codes and changes of direction."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
