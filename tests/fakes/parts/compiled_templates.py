"""Compiled templates in memory, which all applications of a test process share: each test makes an application of its own."""

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class _Memory(BytecodeCache):
    """By name and content of a template."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        found = self._compiled.get((bucket.key, bucket.checksum))
        if found is not None:
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


_MEMORY = _Memory()


def share_templates(app: Flask) -> Flask:
    """The application compiles no template that another one of this process has compiled. All have the same options."""
    app.jinja_env.bytecode_cache = _MEMORY
    return app
