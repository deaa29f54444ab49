"""Checks the files of `[keys]`: readable, of the right kind, not readable by others, lists signed and not stale."""

import string
from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from kiosk import config
from kiosk.app.builders.preflight.findings import Finding, Severity
from kiosk.core.subject_sealing import InvalidKeyError, Pseudonymizer, Seal
from kiosk.credentials.trust import list_loader
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.signed_list import load_root_public_key
from kiosk.system.systemd import credential_path
from mqtt.remote.signature import FleetKeyError, load_fleet_public_keys

PRIVATE_KEY_MARK = b"PRIVATE KEY-----"
READABLE_BY_OTHERS = 0o007
KEYS_END_SOON = timedelta(days=28)


def check_keys(settings: config.Settings) -> Iterator[Finding]:
    """The sealing key and the pseudonym key."""
    keys = settings.keys
    sealing = yield from read_named_file("keys.sealing_public_key", keys.sealing_public_key)
    if sealing is not None:
        yield from _check_sealing_key(keys.sealing_public_key, sealing)
    path = credential_path(keys.pseudonym_key)
    pseudonym = yield from read_named_file("keys.pseudonym_key", path)
    if pseudonym is not None:
        yield from _check_pseudonym_key(path, pseudonym)
        yield from check_private_mode("keys.pseudonym_key", path)
    if keys.fleet_public_key is not None:
        yield from _check_fleet_key(keys.fleet_public_key)


def check_lists(settings: config.Settings, now_at: datetime) -> Iterator[Finding]:
    """Root key, trust list, denylist and weekly sealing keys, as the daemon will load them with its copies."""
    keys, access = settings.keys, settings.access
    root = yield from _read_root_key(keys.root_public_key)
    if root is None:  # without it no list can be judged, but all missing files are reported at once
        yield from read_named_file("keys.trust_list", keys.trust_list)
        if keys.denylist is not None:
            yield from read_named_file("keys.denylist", keys.denylist, Severity.WRONG)
        if keys.sealing_keys is not None:
            yield from read_named_file("keys.sealing_keys", keys.sealing_keys)
        return
    found = list_loader.inspect_lists(
        trust_path=keys.trust_list,
        root_pem=root,
        denylist_path=keys.denylist,
        copies_dir=settings.storage.path.parent,
        sealing_keys_path=keys.sealing_keys,
    )
    names = {"trust": "keys.trust_list", "denylist": "keys.denylist", "sealing-keys": "keys.sealing_keys"}
    paths = {"trust": keys.trust_list, "denylist": keys.denylist, "sealing-keys": keys.sealing_keys}
    for name, problem in found.problems.items():
        path, unusable = paths[name], problem.reason == "unusable"
        severity = Severity.STOPS if unusable and name != "denylist" else Severity.WRONG
        if unusable and path is not None and not path.exists():
            yield Finding("file-missing", severity, (names[name],), {"path": path})
            continue
        yield Finding(f"list-{problem.reason}", severity, (names[name],), {"error": problem.detail.rstrip(".")})
    yield from _check_end_of_keys(found.sealing_keys_end_at, now_at)
    if access.on_stale_lists == "deny" and access.lists_max_age_h is not None:
        for name, issued_at in found.issued_at.items():
            age_h = (now_at - issued_at).total_seconds() / 3600
            if age_h > access.lists_max_age_h:
                values = {"hours": round(age_h), "limit": f"{access.lists_max_age_h:g}"}
                yield Finding("list-stale", Severity.WRONG, (names[name], "access.lists_max_age_h"), values)


def _check_end_of_keys(ends_at: datetime | None, now_at: datetime) -> Iterator[Finding]:
    """Weekly keys that end soon, or have ended: events are then sealed with the key of the last week."""
    if ends_at is None:
        return
    values = {"until": f"{ends_at:%Y-%m-%d}"}
    if ends_at <= now_at:
        yield Finding("sealing-keys-ended", Severity.WRONG, ("keys.sealing_keys",), values)
    elif ends_at < now_at + KEYS_END_SOON:
        yield Finding("sealing-keys-ending", Severity.NOTICE, ("keys.sealing_keys",), values)


def read_named_file(
    setting: str, path: Path, severity: Severity = Severity.STOPS
) -> Generator[Finding, None, bytes | None]:
    """The content of a file, or None after a finding that says why it cannot be read."""
    try:
        return path.read_bytes()
    except PermissionError:
        yield Finding("file-permission", severity, (setting,), {"path": path})
    except FileNotFoundError:
        yield Finding("file-missing", severity, (setting,), {"path": path})
    except IsADirectoryError:
        yield Finding("is-folder", severity, (setting,), {"path": path})
    except OSError as error:
        yield Finding("file-unreadable", severity, (setting,), {"path": path, "error": error.strerror})
    return None


def check_private_mode(setting: str, path: Path) -> Iterator[Finding]:
    """A private key that every account of the device can read."""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError:
        return
    if mode & READABLE_BY_OTHERS:
        yield Finding("key-mode", Severity.NOTICE, (setting,), {"path": path, "mode": f"{mode:04o}"})


def _read_root_key(path: Path) -> Generator[Finding, None, bytes | None]:
    """The root key in PEM, or None after a finding that says why it cannot be used."""
    setting = "keys.root_public_key"
    content = yield from read_named_file(setting, path)
    if content is None:
        return None
    try:
        load_root_public_key(content)
    except ListError:
        code = "private-key" if PRIVATE_KEY_MARK in content else "root-key"
        yield Finding(code, Severity.STOPS, (setting,), {"path": path})
        return None
    return content


def _check_sealing_key(path: Path, content: bytes) -> Iterator[Finding]:
    setting = ("keys.sealing_public_key",)
    if PRIVATE_KEY_MARK in content:
        yield Finding("private-key", Severity.STOPS, setting, {"path": path})
        return
    try:
        Seal(content)
    except InvalidKeyError:
        yield Finding("sealing-key", Severity.STOPS, setting, {"path": path})


def _check_fleet_key(path: Path) -> Iterator[Finding]:
    """Without it the gate works, and obeys no command of the centre."""
    setting = "keys.fleet_public_key"
    content = yield from read_named_file(setting, path, Severity.WRONG)
    if content is None:
        return
    try:
        load_fleet_public_keys(content)
    except FleetKeyError:
        code = "private-key" if PRIVATE_KEY_MARK in content else "fleet-key"
        yield Finding(code, Severity.WRONG, (setting,), {"path": path})


def _check_pseudonym_key(path: Path, content: bytes) -> Iterator[Finding]:
    setting = ("keys.pseudonym_key",)
    try:
        Pseudonymizer(content)
    except InvalidKeyError:
        yield Finding("pseudonym-key", Severity.STOPS, setting, {"path": path, "size": len(content)})
        return
    if all(byte in string.printable.encode() for byte in content) or len(set(content)) == 1:
        yield Finding("pseudonym-key-weak", Severity.NOTICE, setting, {"path": path})
