"""Makes the reference of the MQTT topics and messages from the AsyncAPI description and the JSON Schemas."""

import json
from collections.abc import Iterator
from typing import Any

from docs._generate.blocks import DOCS, Blocks, table, type_of

SCHEMAS = DOCS.parent / "mqtt" / "schema"


def topics() -> str:
    """One row for each topic: address, who publishes, quality of service, retained, schema."""
    described = _read("asyncapi.json")
    publishers = {
        operation["channel"]["$ref"].rsplit("/", 1)[-1]: "device" if operation["action"] == "send" else "centre"
        for operation in described["operations"].values()
    }
    rows = []
    for name, channel in described["channels"].items():
        binding = _binding(described, name)
        payload = next(iter(channel["messages"].values()))["payload"]["$ref"].removeprefix("./")
        rows.append(
            (
                f"`{channel['address']}`",
                publishers[name],
                str(binding.get("qos", "")),
                "yes" if binding.get("retain") else "no",
                _read(payload)["title"],
                f"`{payload}`",
            )
        )
    return table(("topic", "published by", "QoS", "retained", "content", "schema"), rows)


def _binding(described: dict[str, Any], channel: str) -> dict[str, Any]:
    for operation in described["operations"].values():
        if operation["channel"]["$ref"].endswith(f"/{channel}"):
            return operation.get("bindings", {}).get("mqtt", {})  # type: ignore[no-any-return]
    return {}


def fields() -> str:
    """One table of fields for each schema."""
    parts = []
    for path in sorted(SCHEMAS.glob("*.json")):
        if path.name != "asyncapi.json":
            schema = _read(path.name)
            rows = list(_fields(schema.get("$defs", {}).get("event", schema), ""))
            parts.append(
                f"### {path.name}\n\n{schema['title']}.\n\n" + table(("field", "type", "required", "meaning"), rows)
            )
    return "\n\n".join(parts)


def _fields(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        yield f"`{prefix}{name}`", type_of(inner), "yes" if name in required else "no", inner.get("description", "")
        if inner.get("type") == "object":
            yield from _fields(inner, f"{prefix}{name}.")
        elif inner.get("type") == "array" and inner.get("items", {}).get("type") == "object":
            yield from _fields(inner["items"], f"{prefix}{name}[].")


def _read(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))


BLOCKS: Blocks = {"reference/mqtt.md": {"topics": topics, "fields": fields}}
