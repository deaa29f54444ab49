"""Coverage-guided fuzzer for the centre: `python -m tests.fuzz.centre LEDGER CORPUS_DIR -runs=50000 -max_len=4096`.

LEDGER is `sqlite` or `postgres`. `judge` checks: any messages on any topics are acknowledged, and an honest device gets its
receipt. It needs atheris (a development tool, not in the lock file). tests/fuzz/test_centre_corpus.py replays what it found.
"""

import sys
from pathlib import Path


def main() -> None:
    """See the docstring of the module. The corpus begins with valid messages."""
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

    with atheris.instrument_imports(include=["mqtt"]):  # only what is imported in here is guided by coverage
        from tests.fuzz.fed_centre import centre, judge, seeds

    ledger, corpus = sys.argv[1], Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    with centre(ledger) as fed:
        atheris.Setup([sys.argv[0], *sys.argv[2:]], lambda data: judge(fed, data))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
