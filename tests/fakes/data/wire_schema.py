"""Validates messages with the published JSON Schemas."""

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
    """Validator of one kind of message. It also checks formats (uuid, date-time)."""
    schema = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def name_of(topic: str) -> str:
    """Name of the schema for a topic."""
    words = topic.split("/")
    return f"centre-{words[3]}" if words[2] == "centre" else words[4]


def check(topic: str, payload: bytes) -> None:
    """Raises jsonschema.ValidationError if a message does not match its schema."""
    validator(name_of(topic)).validate(json.loads(payload))
