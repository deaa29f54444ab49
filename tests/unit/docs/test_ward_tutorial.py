"""The tutorial of a ward: the same commands and answers in each language, and not more than were promised."""

import re

import pytest

from kiosk.cli.centre.init import QUESTIONS
from tests.paths import PROJECT
from tests.system.ward.document import PAGES, answers, steps


def test_each_language_has_the_same_commands_on_the_same_machines() -> None:
    english, vietnamese = map(steps, PAGES)
    assert english == vietnamese
    assert len(english) <= 12


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_how_many_commands_it_has_and_answers_each_question(page: str) -> None:
    text = (PROJECT / page).read_text(encoding="utf-8")
    assert re.search(rf"\b{len(steps(page))} (commands|lệnh)\b", text)
    assert len(answers(page)) == 8


def test_the_questions_of_the_table_are_those_of_the_command() -> None:
    assert set(QUESTIONS.values()) <= answers(PAGES[0]).keys()
