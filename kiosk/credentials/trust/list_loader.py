"""Loads the lists, never accepts an older number, and keeps the last good copy in case a file is damaged.

The files come from an administrator or the centre and may be read-only, incomplete, forged or old. The copies are the kiosk's
own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from kiosk.credentials.trust import denylist, files
from kiosk.credentials.trust import trust_list as trust
from kiosk.credentials.trust.denylist import Denylist
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.trust_list import TrustList
from kiosk.system import atomic_files


class _NumberedList(Protocol):
    @property
    def number(self) -> int: ...


_List = TypeVar("_List", bound=_NumberedList)


@dataclass(slots=True)
class _ListSource(Generic[_List]):
    """One list: its file, our copy of the last good one, and the list in force."""

    path: Path
    copy_path: Path
    parse: Callable[[bytes, bytes], _List]
    root_pem: bytes = field(repr=False)
    error: str = ""
    """Why the file is not in force. Empty if it is."""
    _file_version: tuple[int, int, int] | None = None
    _current: _List | None = None

    @property
    def current(self) -> _List:
        if self._current is None:
            raise ListError(self.error)
        return self._current

    def refresh(self) -> bool:
        """Read the file again if it changed. True if a newer list came into force."""
        stamp = _file_version_of(self.path)
        if self._current is not None and stamp == self._file_version:
            return False
        self._file_version = stamp
        if self._current is None:
            self._current = self._load_copy()
        try:
            data, found = self._load_file()
        except ListError as error:
            self.error = str(error)
            return False
        self.error = ""
        is_newer = self._current is None or found.number > self._current.number
        self._current = found
        if is_newer:
            self._save_copy(data)
        return is_newer

    def _load_file(self) -> tuple[bytes, _List]:
        data = files.read_list_file(self.path)
        found = self.parse(data, self.root_pem)
        if self._current is not None and found.number < self._current.number:
            raise ListError(
                f"{self.path} is list {found.number}; list {self._current.number} is already in force. "
                "An older list is not accepted. Ask the centre for the newest."
            )
        return data, found

    def _load_copy(self) -> _List | None:
        try:
            return self.parse(files.read_list_file(self.copy_path), self.root_pem)
        except ListError:
            return None  # no copy yet, or it is damaged: the file decides, and its errors are reported

    def _save_copy(self, data: bytes) -> None:
        """Save a copy. A disk error removes only this protection. It is reported and does not prevent the start."""
        try:
            atomic_files.write_file(self.copy_path, data)
        except OSError as error:
            self.error = f"The list could not be copied to {self.copy_path}: {error.strerror}."


class ListLoader:
    """Trust list and denylist in force. One thread owns it. Raises ListError if there is no good trust list at all."""

    def __init__(
        self, *, trust_path: Path, root_path: Path | None, denylist_path: Path | None, copies_dir: Path
    ) -> None:
        root_pem = files.read_list_file(root_path or trust_path.with_name(trust.ROOT_PUBLIC_KEY_FILE))
        self._trust_list = _ListSource[TrustList](
            trust_path, copies_dir / "trust-list.kept", trust.parse_trust_list, root_pem
        )
        self._denylist = (
            _ListSource[Denylist](denylist_path, copies_dir / "denylist.kept", denylist.parse_denylist, root_pem)
            if denylist_path
            else None
        )
        self.refresh()
        _ = self.trust_list, self.denylist

    @property
    def trust_list(self) -> TrustList:
        """The trust list in force."""
        return self._trust_list.current

    @property
    def denylist(self) -> Denylist | None:
        """None if no denylist is configured."""
        return self._denylist.current if self._denylist else None

    @property
    def errors(self) -> tuple[str, ...]:
        """Errors of the present files, as sentences. Empty if there are none."""
        return tuple(each.error for each in (self._trust_list, self._denylist) if each and each.error)

    def refresh(self) -> bool:
        """Read changed files again. Cheap if none changed. True if a newer list came into force."""
        changed = self._trust_list.refresh()
        return (self._denylist.refresh() if self._denylist else False) or changed


def _file_version_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
