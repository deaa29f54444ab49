"""Old names of configuration keys: a file that still has them gets one message per key, with the new name."""

from collections.abc import Iterator, Mapping
from typing import Any

from kiosk.config.schema import Settings

SECTIONS = {
    "reading": "decoding",
    "signal": "gpio",
    "policy": "access",
    "records": "storage",
    "broker": "mqtt",
    "page": "web",
}
"""Old section -> new section. A key that is not in KEYS keeps its name in the new section."""
KEYS = {
    "site.root": "mqtt.topic_prefix",
    "signal.pins": "gpio.pin_factory",
    "signal.relay_s": "gpio.relay_pulse_s",
    "signal.relay_leds": "gpio.leds_dir",
    "signal.presence": "gpio.presence_sensor",
    "signal.presence_high": "gpio.presence_active_high",
    "signal.presence_rest_s": "gpio.idle_after_s",
    "signal.patterns.pass_rhythm": "gpio.patterns.pass_pattern",
    "signal.patterns.fail_rhythm": "gpio.patterns.fail_pattern",
    "signal.patterns.look_again_rhythm": "gpio.patterns.check_again_pattern",
    "signal.patterns.out_of_order_rhythm": "gpio.patterns.out_of_order_pattern",
    "signal.patterns.starting_rhythm": "gpio.patterns.starting_pattern",
    "signal.patterns.look_again_hz": "gpio.patterns.check_again_hz",
    "visit.timezone": "site.timezone",
    "visit.window_s": "visit.repeat_window_s",
    "visit.undo_s": "visit.undo_window_s",
    "visit.direction": "access.direction",
    "visit.anti_passback": "access.anti_passback",
    "visit.reset_at": "access.daily_reset_at",
    "policy.accept_pass": "access.accept_entry_pass",
    "policy.opens": "access.opening_hours",
    "policy.stale_lists": "access.on_stale_lists",
    "policy.unset_clock": "access.on_unset_clock",
    "records.reserve_bytes": "storage.low_space_bytes",
    "records.floor_bytes": "storage.min_free_bytes",
    "mqtt.host": "mqtt.brokers",
    "mqtt.port": "mqtt.brokers",
    "broker.host": "mqtt.brokers",
    "broker.port": "mqtt.brokers",
    "broker.reconnect_within_s": "mqtt.reconnect_max_delay_s",
    "broker.delivery": "mqtt.acknowledge_by",
    "keys.centre": "keys.sealing_public_key",
    "keys.pseudonym": "keys.pseudonym_key",
    "keys.root": "keys.root_public_key",
    "page.names": "web.allowed_hosts",
}
VALUES: Mapping[str, Mapping[str, str]] = {
    "gpio.pin_factory": {"gpio": "lgpio"},
    "access.on_stale_lists": {"pass": "allow", "fail": "deny"},
    "access.on_unset_clock": {"pass": "allow", "fail": "deny"},
}
"""New key -> old value -> new value."""
_DEPTH = 3
"""The deepest settings are of the form gpio.patterns.pass_hz."""


def translate(tree: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A parsed file with the new names, and a message for each old key. If both names are set, the new one counts.

    The caller uses the translated file only to find all other errors in the same pass. It rejects a file with old names.
    """
    leaves = [(path, _new_path(path), value) for path, value in _leaves(_with_broker_addresses(tree))]
    found: dict[str, Any] = {}
    for path, new, value in leaves:
        if new == path:
            _put(found, new, value)
    for path, new, value in leaves:
        if new != path and len(new) > 1:
            _put(found, new, _new_value(new, value))
    return found, [_message(path, new, value) for path, new, value in leaves if new != path and _is_known(new)]


def _with_broker_addresses(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the old keys `host` and `port` as they stand in `brokers`."""
    changed = dict(tree)
    for name in ("broker", "mqtt"):
        section = tree.get(name)
        if isinstance(section, Mapping):
            old = {key: value for key, value in section.items() if key in {"host", "port"}}
            host = str(old.get("host", "localhost"))
            address = f"{f'[{host}]' if ':' in host else host}:{old.get('port', 8883)}"
            changed[name] = {**section, **{key: [address] for key in old}}
    return changed


def _leaves(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value that is not a table, and every empty table, with its path."""
    for name, value in tree.items():
        path = (*above, name)
        if isinstance(value, Mapping) and value and len(path) < _DEPTH:
            yield from _leaves(value, path)
        else:
            yield path, value


def _new_path(path: tuple[str, ...]) -> tuple[str, ...]:
    renamed = KEYS.get(".".join(path))
    return tuple(renamed.split(".")) if renamed else (SECTIONS.get(path[0], path[0]), *path[1:])


def _new_value(path: tuple[str, ...], value: Any) -> Any:
    names = VALUES.get(".".join(path), {})
    return names.get(value, value) if isinstance(value, str) else value


def _is_known(path: tuple[str, ...]) -> bool:
    """True for a section or key of the schema. An unknown key of an old section is reported as unknown, not as renamed."""
    model: Any = Settings
    for step in path:
        field = getattr(model, "model_fields", {}).get(step)
        if field is None:
            return False
        model = field.annotation
    return True


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set a value if there is none. Ignores a path through a value that is not a table."""
    for step in path[:-1]:
        below = tree.setdefault(step, {})
        if not isinstance(below, dict):
            return
        tree = below
    tree.setdefault(path[-1], value)


def _message(path: tuple[str, ...], new: tuple[str, ...], value: Any) -> str:
    if len(path) == 1 or isinstance(value, Mapping):
        return f"{'.'.join(path)}: this section is now [{'.'.join(new)}]."
    if new == ("mqtt", "brokers"):
        return f'{".".join(path)}: this key is now mqtt.brokers. Write brokers = ["{value[0]}"].'
    other = _new_value(new, value)
    and_value = f' Its value "{value}" is now "{other}".' if other != value else ""
    return f"{'.'.join(path)}: this key is now {'.'.join(new)}.{and_value}"
