"""Holds messages against the JSON Schemas that are published with the product."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

import mqtt

FOLDER = Path(mqtt.__file__).parent / "schema"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "asyncapi")


@cache
def validator(name: str) -> Any:
    """For one kind of message; formats (uuid, date-time) are checked too."""
    schema = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def name_of(topic: str) -> str:
    """Which schema is for this topic."""
    words = topic.split("/")
    return f"centre-{words[3]}" if words[2] == "centre" else words[4]


def check(topic: str, payload: bytes) -> None:
    """Raises jsonschema.ValidationError where a message is not what its schema promises."""
    validator(name_of(topic)).validate(json.loads(payload))
