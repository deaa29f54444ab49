"""Replays the corpus of the credentials fuzzer: each entry gives a result, and none a false one."""

import zipfile

import pytest

from tests.fuzz.credentials import WORLD, dressed, judge
from tests.paths import DATA

CORPUS = DATA / "fuzz_credentials.zip"


def entries() -> list[bytes]:
    with zipfile.ZipFile(CORPUS) as archive:
        return [archive.read(name) for name in archive.namelist()]


def test_every_entry_of_the_corpus_gives_a_correct_result() -> None:
    found = entries()
    assert len(found) > 100
    for entry in found:
        judge(entry)


def test_judge_detects_a_false_claim() -> None:
    code = WORLD["valid"].data
    assert dressed(code) == (code, False)
    judge(code)
    with pytest.raises(AssertionError, match="never signed"):
        judge(code, frozenset(), frozenset())
