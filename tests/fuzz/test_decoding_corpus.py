"""Replays the corpus of the decoding fuzzer (tests/fuzz/decoding.py): no exception and no misread code."""

import base64

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.decoding import judge
from tests.paths import DATA

CORPUS = DATA / "fuzz-reading.txt"


def test_every_image_of_the_corpus_is_decoded_without_an_error_or_a_misread_code() -> None:
    corpus = [
        base64.b64decode(line) for line in CORPUS.read_text(encoding="ascii").splitlines() if not line.startswith("#")
    ]
    assert len(corpus) > 50
    for data in corpus:
        judge(data)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(min_size=12, max_size=400))
def test_images_of_any_bytes_are_decoded_without_an_error_or_a_misread_code(data: bytes) -> None:
    judge(data)
