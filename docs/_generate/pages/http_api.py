"""Makes the reference of the HTTP addresses from the OpenAPI description."""

import json

from docs._generate.blocks import Blocks, Files, table, type_of
from web_ui.kiosk.api import openapi


def addresses() -> str:
    """One row for each address and status code."""
    rows = [
        (
            f"`{path}`",
            code,
            operation["summary"],
            answer["description"],
            ", ".join(f"`{kind}`" for kind in answer["content"]),
        )
        for path, methods in openapi.openapi_description()["paths"].items()
        for operation in methods.values()
        for code, answer in operation["responses"].items()
    ]
    return table(("address", "status", "question", "answer", "type"), rows)


def schemas() -> str:
    """One table of fields for each schema of an answer."""
    parts = []
    for name, schema in sorted(openapi.openapi_description()["components"]["schemas"].items()):
        rows = [
            (f"`{field}`", type_of(inner), inner.get("description", ""))
            for field, inner in schema.get("properties", {}).items()
        ]
        values = ", ".join(f"`{value}`" for value in schema.get("enum", ()))
        parts.append(f"### {name}\n\n" + (table(("field", "type", "meaning"), rows) if rows else f"One of {values}."))
    return "\n\n".join(parts)


def document() -> str:
    """The OpenAPI description as a file."""
    return json.dumps(openapi.openapi_description(), indent=1, ensure_ascii=False) + "\n"


BLOCKS: Blocks = {"reference/http.md": {"addresses": addresses, "schemas": schemas}}
FILES: Files = {"reference/files/openapi.json": document}
