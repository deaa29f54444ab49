"""Desired settings in the centre's database: changed by people, checked for every device that they concern, with a history."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from mqtt.centre.accounts.audit import WHOLE_CITY, CentreAuditEntry, append_audit, take_turn
from mqtt.centre.configuration.scopes import (
    AREA,
    CITY,
    DEVICE,
    Scope,
    StoredValue,
    by_scope,
    effective_values,
    plain_values,
    scopes_of,
)
from mqtt.centre.ingest.database import Query
from mqtt.centre.registry.store import read_rows
from mqtt.centre.registry.tree import Registry, make_registry
from mqtt.remote.configuration import canonical_bytes

MAX_MISTAKES = 5
"""Devices whose mistakes are listed."""

Check = Callable[[Mapping[str, Any]], Sequence[str]]
"""The check of the device: a sentence for each mistake of its values."""


class ChangeNotTakenError(ValueError):
    """The change was not taken. The text says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a person wants."""

    scope: Scope
    values: Mapping[str, Any]
    """By dotted name."""
    removed: Collection[str]
    """Names that get the value of the scope above, or of the file of the device."""
    requested_by: str
    """Name of the account, or `cli:NAME`."""
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change of one setting in one scope."""

    scope: str
    name: str
    old_value: str | None
    """JSON. None: it had none."""
    new_value: str | None
    changed_by: str
    changed_at: datetime
    reason: str


def change_values(query: Query, change: Change, check: Check, now: datetime) -> list[str]:
    """Take a change: the audit first, in the present transaction. Returns the devices that it concerns.

    Raises ChangeNotTakenError: then end the transaction without a commit.
    """
    take_turn(query)
    registry = make_registry(read_rows(query))
    names = " ".join([*change.values, *(f"-{name}" for name in change.removed)])
    about = f"{change.scope}: {names}"
    area = _area_number(registry, change.scope, now.date())
    append_audit(query, CentreAuditEntry(change.requested_by, "change-configuration", about, change.reason, area), now)
    _check_request(query, registry, change, now.date())
    before = by_scope(read_values(query))
    _write(query, before.get(str(change.scope), ()), change, now)
    after = by_scope(read_values(query))
    concerned = devices_in(query, registry, change.scope, now.date())
    _check_devices(registry, after, concerned or [_example_name(change.scope)], check, now.date())
    query("UPDATE config_device SET behind = 1")
    return concerned


def read_values(query: Query) -> list[StoredValue]:
    """All desired settings."""
    rows = query("SELECT * FROM config_value ORDER BY scope, name")
    return [
        StoredValue(
            row["scope"],
            row["name"],
            json.loads(row["value"]),
            row["changed_by"],
            datetime.fromisoformat(row["changed_at"]),
            row["reason"],
        )
        for row in rows
    ]


def read_changes(query: Query, scopes: Iterable[str] | None, limit: int) -> list[ChangeRow]:
    """The newest changes, newest first. `scopes`: only of these. None: all."""
    wanted = None if scopes is None else set(scopes)
    where = "" if wanted is None else f"WHERE scope IN ({', '.join('?' * len(wanted))})"
    if wanted is not None and not wanted:
        return []
    rows = query(
        f"SELECT * FROM config_change {where} ORDER BY number DESC LIMIT ?",  # noqa: S608 - only question marks
        [*(wanted or ()), limit],
    )
    return [
        ChangeRow(
            row["scope"],
            row["name"],
            row["old_value"],
            row["new_value"],
            row["changed_by"],
            datetime.fromisoformat(row["changed_at"]),
            row["reason"],
        )
        for row in rows
    ]


def devices_in(query: Query, registry: Registry, scope: Scope, day: date) -> list[str]:
    """The known devices of a scope, by name: those that connected, and those of the registry."""
    connected = {f"{row['site']}/{row['device']}" for row in query("SELECT site, device FROM device")}
    known = connected | {row.wire_name for row in registry.rows.devices}
    return sorted(name for name in known if scope in scopes_of(registry, name, day))


def find_scope(registry: Registry, area: str, day: date) -> Scope:
    """The scope of an area with this code today. Raises ChangeNotTakenError."""
    found = registry.area(area, day)
    if found is None:
        raise ChangeNotTakenError(f"the registry has no area with the code {area} today")
    return Scope(AREA, str(found.number))


def _check_request(query: Query, registry: Registry, change: Change, day: date) -> None:
    if not change.reason.strip() or len(change.reason) > 200 or "\0" in change.reason or len(change.requested_by) > 64:
        raise ChangeNotTakenError("a reason of at most 200 characters and a name of at most 64 are needed")
    if not change.values and not change.removed:
        raise ChangeNotTakenError("no setting is named")
    both = sorted(set(change.values) & set(change.removed))
    if both:
        raise ChangeNotTakenError(f"{both[0]} is set and removed at once")
    if change.scope.kind not in {CITY, AREA} and not devices_in(query, registry, change.scope, day):
        raise ChangeNotTakenError(f"the centre knows no device in {change.scope}")


def _write(query: Query, before: Sequence[StoredValue], change: Change, now: datetime) -> None:
    scope, old = str(change.scope), {value.name: canonical_bytes({"v": value.value}) for value in before}
    missing = [name for name in change.removed if name not in old]
    if missing:
        raise ChangeNotTakenError(f"{missing[0]} is not set in {scope}")
    common = [change.requested_by, _text(now), change.reason]
    for name in change.removed:
        query("DELETE FROM config_value WHERE scope = ? AND name = ?", [scope, name])
        _add_change(query, [scope, name, _value_text(old[name]), None, *common])
    for name, value in change.values.items():
        try:
            new = canonical_bytes({"v": value})
        except ValueError as error:
            raise ChangeNotTakenError(f"{name}: {error}") from error
        if old.get(name) == new:
            continue
        query(
            "INSERT INTO config_value VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (scope, name) DO UPDATE SET "
            "value = excluded.value, changed_by = excluded.changed_by, changed_at = excluded.changed_at, "
            "reason = excluded.reason",
            [scope, name, _value_text(new), *common],
        )
        _add_change(query, [scope, name, _value_text(old[name]) if name in old else None, _value_text(new), *common])


def _add_change(query: Query, values: Sequence[Any]) -> None:
    query(
        "INSERT INTO config_change (scope, name, old_value, new_value, changed_by, changed_at, reason) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        values,
    )


def _value_text(canonical: bytes) -> str:
    """The value alone, of `{"v":VALUE}`."""
    return canonical.decode()[len('{"v":') : -1]


def _check_devices(
    registry: Registry, values: Mapping[str, Sequence[StoredValue]], devices: Iterable[str], check: Check, day: date
) -> None:
    """All values of each device together. Devices with the same values are checked once."""
    found: dict[bytes, list[str]] = {}
    for device in devices:
        plain = plain_values(effective_values(values, scopes_of(registry, device, day)))
        found.setdefault(canonical_bytes(plain), []).append(device)
    mistakes = []
    for plain_bytes, concerned in found.items():
        errors = check(json.loads(plain_bytes))
        if errors:
            more = f" and {len(concerned) - 1} more" if len(concerned) > 1 else ""
            mistakes.append(f"{concerned[0]}{more}: {' '.join(errors)}")
    if mistakes:
        raise ChangeNotTakenError("\n".join(mistakes[:MAX_MISTAKES]))


def _example_name(scope: Scope) -> str:
    """Of a device, where the scope has none yet."""
    return scope.name if scope.kind == DEVICE else "site/device"


def _area_number(registry: Registry, scope: Scope, day: date) -> int:
    """For the audit: the area of the scope."""
    if scope.kind == AREA:
        return int(scope.name)
    if scope.kind == CITY:
        return WHOLE_CITY
    name = registry.device(scope.name, day).site if scope.kind == DEVICE else scope.name
    site = registry.site(name, day)
    area = registry.area_of_site(site, day) if site else None
    return area.number if area else WHOLE_CITY


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
