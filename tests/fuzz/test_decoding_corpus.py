"""What the coverage-guided fuzzer found worth keeping is read again: nothing raised, nothing misread (tests/fuzz/decoding.py)."""

import base64

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.decoding import judge
from tests.paths import DATA

CORPUS = DATA / "fuzz-reading.txt"


def test_every_picture_that_the_fuzzer_kept_is_read_without_an_error_or_a_misread() -> None:
    kept = [
        base64.b64decode(line) for line in CORPUS.read_text(encoding="ascii").splitlines() if not line.startswith("#")
    ]
    assert len(kept) > 50
    for data in kept:
        judge(data)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(min_size=12, max_size=400))
def test_pictures_of_any_bytes_are_read_without_an_error_or_a_misread(data: bytes) -> None:
    judge(data)
