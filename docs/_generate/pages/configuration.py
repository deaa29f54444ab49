"""Makes the reference of the configuration and the commented example file from the schema of the settings."""

import json
from pathlib import Path
from typing import Any, get_args

from docs._generate.blocks import Blocks, Files, table
from kiosk import config
from kiosk.config.schema.sentences import section_sentences
from kiosk.core import file_names

HEAD = """\
# entrance-kiosk: every setting. A line `# name = value` shows a default: take the `# ` away to change it.
# Check with: kiosk check-config FILE. Relative paths start at this file's folder. Made by `make docs` from kiosk/config/schema/.
"""
SITE, DEVICE = "cho-dong-ba", "gate-1"
SET = {
    "site.site": f'"{SITE}"',
    "site.device": f'"{DEVICE}"',
    "keys.sealing_public_key": f'"{file_names.SEALING_PUBLIC_KEY}"',
    "keys.pseudonym_key": f'"{file_names.PSEUDONYM_KEY}"',
    "keys.trust_list": f'"{file_names.TRUST_LIST}"',
    "keys.root_public_key": f'"{file_names.ROOT_PUBLIC_KEY}"',
}
"""What has no default."""
SHOWN = {
    "gpio.relay": "23",
    "gpio.relay_led": '"kiosk-relay"',
    "gpio.admit_button": "5",
    "gpio.undo_button": "6",
    "gpio.presence_sensor": "7",
    "mqtt.ca": f'"{file_names.CA_CERTIFICATE}"',
    "mqtt.certificate": f'"{file_names.device_certificate(SITE, DEVICE)}"',
    "mqtt.key": f'"{file_names.PRIVATE_FOLDER}/{file_names.device_key(SITE, DEVICE)}"',
    "keys.denylist": f'"{file_names.DENYLIST}"',
    "scanner.source": '"scanner:/dev/ttyACM0"',
    "access.declaration_max_age_h": "72",
    "access.capacity": "400",
    "access.lists_max_age_h": "168",
    "web.certificate": '"web.pem"',
    "web.key": '"web.key"',
}
"""What is absent by default, with an example."""


def spelled(value: Any) -> str:
    """A default in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return json.dumps(value)
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def setting(name: str, place: str, field: Any, sentence: str) -> list[str]:
    """A setting's sentence and its line."""
    if place in SET:
        return [f"# {sentence}", f"{name} = {SET[place]}"]
    return [f"# {sentence}", f"# {name} = {SHOWN.get(place) or spelled(field.default)}"]


def section_lines(model: Any, place: str) -> list[str]:
    """The settings of a table, then the tables within it."""
    lines, within = [], []
    told = section_sentences(model)
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, config.Section):
            inner: Any = field.annotation
            within += [f"# {inner.__doc__.strip()}", f"[{place}.{name}]", *section_lines(inner, f"{place}.{name}")]
        else:
            lines += setting(name, f"{place}.{name}", field, told.get(name, ""))
    return [*lines, "", *within]


def example() -> str:
    """The whole file."""
    lines = [HEAD]
    sections = {name: field for name, field in config.Settings.model_fields.items() if field.annotation is not Path}
    told = section_sentences(config.Settings)
    for name, field in config.Settings.model_fields.items():
        if name not in sections:
            lines += [*setting(name, name, field, told.get(name, "")), ""]
    for section, field in sections.items():
        model: Any = field.annotation
        lines += [f"# {model.__doc__.strip()}", f"[{section}]"]
        lines += section_lines(model, section)
    return "\n".join(lines)


def reference() -> str:
    """One table for each section: name, default, allowed values, meaning."""
    models: dict[str, Any] = {"": config.Settings}
    parts = []
    while models:
        section, model = next(iter(models.items()))
        del models[section]
        meanings, rows = section_sentences(model), []
        for name, field in model.model_fields.items():
            place = f"{section}.{name}".strip(".")
            if isinstance(field.annotation, type) and issubclass(field.annotation, config.Section):
                models[place] = field.annotation
            else:
                rows.append((f"`{name}`", _default(place, field), _values(field.annotation), meanings.get(name, "")))
        head = f"## [{section}]\n\n{model.__doc__.strip()}" if section else "## Above all sections"
        parts.append(f"{head}\n\n" + table(("setting", "default", "values", "meaning"), rows))
    return "\n\n".join(parts)


def _default(place: str, field: Any) -> str:
    if place in SET:
        return "required"
    return "none" if place in SHOWN and field.default is None else f"`{spelled(field.default)}`"


def _values(annotation: Any) -> str:
    choices = [value for value in get_args(annotation) if isinstance(value, str | int)]
    return ", ".join(f"`{value}`" for value in choices)


BLOCKS: Blocks = {"reference/configuration.md": {"settings": reference}}
FILES: Files = {"reference/files/kiosk.example.toml": example}
