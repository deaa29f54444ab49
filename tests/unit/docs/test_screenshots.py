"""The screenshots in docs/images show the pages as they are now."""

from docs._generate.images import source_hash


def test_the_screenshots_were_made_from_these_templates_styles_and_texts() -> None:
    assert source_hash.TARGET.read_text(encoding="utf-8").strip() == source_hash.source_hash(), (
        "the pages have changed since the screenshots were made: run `make docs` and look at them"
    )
