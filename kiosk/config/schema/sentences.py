"""The sentence of each setting, read from the source of the schema on demand, so that no start of the daemon has to."""

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise
from typing import Any

from kiosk.config.schema import Settings
from kiosk.config.schema.section import Section


def section_sentences(section: Any) -> dict[str, str]:
    """By name, the sentence under each setting of one class."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(section)))
    assert isinstance(tree.body[0], ast.ClassDef)
    return {
        field.target.id: " ".join(str(below.value.value).split())
        for field, below in pairwise(tree.body[0].body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


@cache
def setting_sentences() -> dict[str, str]:
    """By dotted name, the sentence of every setting, in English. It takes 50 ms once."""
    return dict(_walk(Settings, ""))


def _walk(section: type[Section], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    sentences = section_sentences(section)
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found += _walk(field.annotation, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", sentences.get(name, "")))
    return found
