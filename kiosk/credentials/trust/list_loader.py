"""The lists in force: loaded from files, never rolled back, the last good copy kept when a newer one is damaged.

The files that an administrator or the centre puts down may be read-only, half-written, forged or old; the kept copies are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from kiosk.credentials.trust import denylist, files
from kiosk.credentials.trust import trust_list as trust
from kiosk.credentials.trust.denylist import Denylist
from kiosk.credentials.trust.files import ListTrouble
from kiosk.credentials.trust.trust_list import TrustList


class _Numbered(Protocol):
    @property
    def number(self) -> int: ...


_List = TypeVar("_List", bound=_Numbered)


@dataclass(slots=True)
class _Kept(Generic[_List]):
    """One list: its file, our copy of the last good one, and what is in force."""

    path: Path
    copy: Path
    parse: Callable[[bytes, bytes], _List]
    root_pem: bytes = field(repr=False)
    trouble: str = ""
    """Why the file is not what is in force; empty where it is."""
    _stamp: tuple[int, int, int] | None = None
    _current: _List | None = None

    @property
    def current(self) -> _List:
        if self._current is None:
            raise ListTrouble(self.trouble)
        return self._current

    def refresh(self) -> bool:
        """Look at the file again where it changed. True where a newer list came into force."""
        stamp = _stamp_of(self.path)
        if self._current is not None and stamp == self._stamp:
            return False
        self._stamp = stamp
        if self._current is None:
            self._current = self._from_copy()
        try:
            data, found = self._from_file()
        except ListTrouble as trouble:
            self.trouble = str(trouble)
            return False
        self.trouble = ""
        is_newer = self._current is None or found.number > self._current.number
        self._current = found
        if is_newer:
            self._keep(data)
        return is_newer

    def _from_file(self) -> tuple[bytes, _List]:
        data = files.read(self.path)
        found = self.parse(data, self.root_pem)
        if self._current is not None and found.number < self._current.number:
            raise ListTrouble(
                f"{self.path} is list {found.number}; list {self._current.number} was in force already. "
                "An old list is not taken back. Ask the centre for the newest."
            )
        return data, found

    def _from_copy(self) -> _List | None:
        try:
            return self.parse(files.read(self.copy), self.root_pem)
        except ListTrouble:
            return None  # no copy yet, or it is damaged: the file itself decides, and is reported where it is bad too

    def _keep(self, data: bytes) -> None:
        """Keep a copy; a disk that does not take it costs the protection, not the start, and is reported."""
        try:
            files.write_whole(self.copy, data)
        except OSError as trouble:
            self.trouble = f"No copy of the list could be kept at {self.copy}: {trouble.strerror}."


class ListKeeper:
    """Trust list and denylist in force. One thread owns it. Raises ListTrouble where there is no good trust list at all."""

    def __init__(self, *, trust_path: Path, root_path: Path | None, denylist_path: Path | None, copies_dir: Path) -> None:
        root_pem = files.read(root_path or trust_path.with_name(trust.ROOT_FILE))
        self._trust = _Kept[TrustList](trust_path, copies_dir / "trust-list.kept", trust.parse, root_pem)
        self._deny = (
            _Kept[Denylist](denylist_path, copies_dir / "denylist.kept", denylist.parse, root_pem) if denylist_path else None
        )
        self.refresh()
        _ = self.trust_list, self.denylist

    @property
    def trust_list(self) -> TrustList:
        """The trust list in force."""
        return self._trust.current

    @property
    def denylist(self) -> Denylist | None:
        """The denylist in force; None where none is configured."""
        return self._deny.current if self._deny else None

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong with the files now, as sentences; empty where all is well."""
        return tuple(each.trouble for each in (self._trust, self._deny) if each and each.trouble)

    def refresh(self) -> bool:
        """Read the files again where they changed; cheap where they did not. True where something newer came into force."""
        changed = self._trust.refresh()
        return (self._deny.refresh() if self._deny else False) or changed


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
