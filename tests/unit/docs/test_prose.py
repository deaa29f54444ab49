"""Documents and comments are written in plain English: short sentences, no banned words."""

from docs._generate import prose

MAX_BANNED_PER_1000_WORDS = 0.2


def test_documents_have_short_sentences_no_semicolons_and_no_banned_words() -> None:
    problems = [problem for path in prose.documents() for problem in prose.document_problems(path)]
    assert not problems, "\n".join(problems)


def test_docstrings_and_comments_do_not_use_banned_words() -> None:
    words, banned = prose.banned_in_python()
    assert 1000 * banned / words <= MAX_BANNED_PER_1000_WORDS, f"{banned} banned words in {words}"


def test_code_tables_and_link_targets_are_not_taken_for_prose() -> None:
    text = "A [link](a;b.md) and `x; y`.\n\n    indented; code\n\n```\nfenced; code\n```\n\n| one cell | another |\n|---|---|\n"
    assert [block.text for block in prose.blocks(text)] == ["A [link] and Code.", "one cell", "another"]


def test_a_list_item_and_a_table_cell_end_a_sentence() -> None:
    text = "- first item\n- second item\n  goes on\n\n| a | b |\n"
    assert [block.text for block in prose.blocks(text)] == ["first item", "second item goes on", "a", "b"]


def test_sentences_end_at_a_full_stop_before_a_capital_letter() -> None:
    assert prose.sentences("One is 1.5 m. Two goes on (see below). `three` too.") == [
        "One is 1.5 m.",
        "Two goes on (see below). `three` too.",
    ]
