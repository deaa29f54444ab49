"""The gpio lines of our part of config.txt, for the pins of this device's kiosk.toml: an upgrade must not undo them. Pure text."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

LAMPS = {"green": 17, "amber": 22, "red": 27}
SOUND_AND_DOOR = {"buzzer": 18, "relay": 23}
INPUTS = {"admit_button": 5, "undo_button": 6, "presence": 7}
"""The pins of docs/reference/wiring.md; tests hold them to kiosk/config/schema.py. Options are held too where they are not configured."""


def signal_of(toml: str) -> dict[str, Any]:
    """The table [signal] of a configuration; empty where it cannot be read, which `kiosk check-config` tells."""
    try:
        found = tomllib.loads(toml).get("signal", {})
    except tomllib.TOMLDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def with_pins(text: str, signal: Mapping[str, Any]) -> str:
    """A config.txt whose lines `gpio=...=op` and `gpio=...=ip` are those for these pins; as it was where they fit already."""
    wanted = {"op": list(_outputs(signal)), "ip": list(_inputs(signal))}
    made: list[str] = []
    for line in text.splitlines():
        kind = line.rpartition("=")[2][:2] if line.startswith("gpio=") else ""
        if kind in wanted:
            made += wanted[kind]
            wanted[kind] = []
        else:
            made.append(line)
    return "\n".join(made) + "\n"


def _outputs(signal: Mapping[str, Any]) -> Iterator[str]:
    off = "dl" if signal.get("active_high", True) is not False else "dh"
    yield f"gpio={_joined(_pin(signal, name, default) for name, default in LAMPS.items())}=op,{off}"
    levels = dict.fromkeys(SOUND_AND_DOOR, off)
    if signal.get("buzzer_kind") == "passive":
        levels["buzzer"] = "dl"
    pins = {name: _pin(signal, name, default) for name, default in SOUND_AND_DOOR.items()}
    for level in dict.fromkeys(levels.values()):
        held = [pin for name, pin in pins.items() if levels[name] == level and pin is not None]
        if held:
            yield f"gpio={_joined(held)}=op,{level}"


def _inputs(signal: Mapping[str, Any]) -> Iterator[str]:
    taken = {_pin(signal, name, default) for name, default in (LAMPS | SOUND_AND_DOOR).items()}
    pins = {name: _pin(signal, name, default) for name, default in INPUTS.items()}
    pulls = dict.fromkeys(INPUTS, "pu")
    if signal.get("presence_high") is False:
        pulls["presence"] = "pd"
    for pull in dict.fromkeys(pulls.values()):
        held = [pin for name, pin in pins.items() if pulls[name] == pull and pin not in taken and pin is not None]
        if held:
            yield f"gpio={_joined(held)}=ip,{pull}"


def _pin(signal: Mapping[str, Any], name: str, default: int) -> int | None:
    """None where it is said that nothing is wired."""
    found = signal.get(name, default)
    if found == "none":
        return None
    return found if type(found) is int and 0 <= found <= 27 else default


def _joined(pins: Iterable[int | None]) -> str:
    return ",".join(map(str, dict.fromkeys(pins)))
