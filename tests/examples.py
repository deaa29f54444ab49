"""How many examples a property test tries: few in `make test`, because it runs often, and many with `make test EXAMPLES=1000`."""

import os

EVERYDAY_EXAMPLES = 40
LONG_EXAMPLES = int(os.environ.get("EXAMPLES") or 0)


def examples(everyday: int = EVERYDAY_EXAMPLES) -> int:
    """`everyday`, or EXAMPLES where that is more."""
    return max(everyday, LONG_EXAMPLES)
