"""Message for an unknown key, with the most similar known key."""

import difflib
from collections.abc import Collection


def unknown_key_message(key: str, known: Collection[str]) -> str:
    """A sentence without its place: `no such setting; did you mean 'width'?`. Lists the known keys where none is similar."""
    similar = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {similar[0]!r}?" if similar else f"known here: {', '.join(sorted(known))}."
    return f"no such setting; {hint}"
