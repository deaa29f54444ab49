"""What `make test-arm` runs of our own suite is still there under the names that it knows."""

import pytest

from tests.system.arm.run import LONG, SUITE, VECTORS, files_about


@pytest.mark.parametrize("subject", [*VECTORS, *SUITE])
def test_every_subject_of_the_arm_rung_has_tests(subject: str) -> None:
    assert files_about(subject)


@pytest.mark.parametrize("name", LONG)
def test_what_the_short_form_leaves_out_is_in_the_long_one(name: str) -> None:
    texts = (path.read_text(encoding="utf-8") for subject in SUITE for path in files_about(subject))
    assert sum(f"def {name}(" in text for text in texts) == 1
