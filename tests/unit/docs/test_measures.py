"""What docs/_generate/measures.py counts keeps to the rules of the project."""

from docs._generate import measures
from tests.paths import PROJECT


def test_no_class_name_of_the_product_stands_for_two_things() -> None:
    assert measures.repeated_classes(PROJECT) == "0"


def test_files_and_functions_keep_to_their_limits() -> None:
    assert int(measures.longest_file(PROJECT)) <= 400
    assert int(measures.longest_function(PROJECT).split()[0]) <= 50
