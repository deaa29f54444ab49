"""What the coverage-guided fuzzer found worth keeping, replayed: every entry gets an answer, and none a false one."""

import zipfile

import pytest

from tests.fuzz.credentials import WORLD, dressed, judge
from tests.paths import DATA

CORPUS = DATA / "fuzz_credentials.zip"


def entries() -> list[bytes]:
    with zipfile.ZipFile(CORPUS) as kept:
        return [kept.read(name) for name in kept.namelist()]


def test_every_entry_of_the_corpus_is_answered_and_none_is_believed_falsely() -> None:
    found = entries()
    assert len(found) > 100
    for entry in found:
        judge(entry)


def test_the_judge_would_notice_a_false_claim() -> None:
    code = WORLD["valid"].data
    assert dressed(code) == (code, False)
    judge(code)
    with pytest.raises(AssertionError, match="never signed"):
        judge(code, frozenset(), frozenset())
