"""The glossary names modules that exist, and each term once."""

from docs._generate.pages.glossary import terms
from tests.paths import PROJECT


def test_each_term_stands_once() -> None:
    names = [term["name"] for term in terms()]
    assert len(names) == len(set(names))
    assert len(names) > 100


def test_the_modules_of_each_term_exist_unless_it_is_planned() -> None:
    missing = [
        f"{term['name']}: {module}"
        for term in terms()
        if not term.get("planned")
        for module in term["modules"]
        if not (PROJECT / module).exists()
    ]
    assert missing == []
