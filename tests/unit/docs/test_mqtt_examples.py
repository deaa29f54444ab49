"""The events that the reference of MQTT shows are valid by the published schema."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from tests.paths import PROJECT

PAGE = (PROJECT / "docs/reference/mqtt.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_shows_an_event_and_its_reversal() -> None:
    event, reversal = (json.loads(example) for example in EXAMPLES)
    assert reversal["data"]["annuls"] == event["id"]
    assert reversal["data"]["seq"] == event["data"]["seq"] + 1


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_valid_event_with_known_fields_only(example: str) -> None:
    schema = json.loads((PROJECT / "mqtt/schema/event.json").read_text(encoding="utf-8"))
    event = json.loads(example)
    Draft202012Validator(schema).validate(event)
    assert set(event["data"]) <= set(schema["$defs"]["event"]["properties"]["data"]["properties"])
