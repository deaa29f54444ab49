"""Loads the lists, never accepts an older number, and keeps the last good copy in case a file is damaged.

The files come from an administrator or the centre and may be read-only, incomplete, forged or old. The copies are the kiosk's
own. Two different lists with one number are a mistake of those who sign: the list that came first stays in force.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from kiosk.core.subject_sealing import WeeklyKey
from kiosk.credentials.trust import denylist, files
from kiosk.credentials.trust import trust_list as trust
from kiosk.credentials.trust.denylist import EMPTY_DENYLIST, Denylist
from kiosk.credentials.trust.files import ListError
from kiosk.credentials.trust.sealing_keys import SealingKeyList, parse_sealing_keys
from kiosk.credentials.trust.trust_list import TrustList
from kiosk.system import atomic_files

COPY_RETRY_S = 60.0
"""How long to wait after a copy that could not be saved. A full disk gets room again while the daemon runs."""


class ListProblem(NamedTuple):
    """Why a file is not in force as it should be."""

    reason: str
    """`unusable`: nothing of this list is in force. `previous`: an earlier list stays in force. `not-copied`: it is in force,
    but after a restart an earlier one may be."""
    detail: str
    """A sentence in English."""


class _NumberedList(Protocol):
    @property
    def number(self) -> int: ...

    @property
    def issued_at(self) -> datetime: ...


_List = TypeVar("_List", bound=_NumberedList)


@dataclass(slots=True)
class _ListSource(Generic[_List]):
    """One list: its file, our copy of the last good one, and the list in force."""

    path: Path
    copy_path: Path
    parse: Callable[[bytes, bytes], _List]
    root_pem: bytes = field(repr=False)
    monotonic_s: Callable[[], float]
    error: str = ""
    """Why the file is not in force. Empty if it is."""
    copy_error: str = ""
    """Why the list in force has no copy yet. Empty if it has one."""
    current: _List | None = None
    """The list in force. None if there has never been a good one."""
    _digest: bytes = b""
    """SHA-256 of the list in force."""
    _uncopied: bytes = field(default=b"", repr=False)
    """The bytes of the list in force, until its copy is on disk. A large list takes no memory twice."""
    _from_centre: bool = False
    """The list in force came over the network. An older file is then no mistake."""
    _file_version: tuple[int, int, int] | None = None
    _retry_copy_s: float | None = None
    """When to copy the list in force again. None if its copy is there."""

    @property
    def problem(self) -> ListProblem | None:
        if self.error:
            return ListProblem("unusable" if self.current is None else "previous", self.error)
        return ListProblem("not-copied", self.copy_error) if self.copy_error else None

    def refresh(self, *, save_copy: bool = True) -> bool:
        """Read the file again if it changed. True if a newer list came into force."""
        if self._retry_copy_s is not None and self.monotonic_s() >= self._retry_copy_s:
            self._save_copy()
        version = _file_version_of(self.path)
        if self.current is not None and version == self._file_version:
            return False
        self._file_version = version
        if self.current is None:
            self._load_copy()
        try:
            data, found = self._load_file()
        except ListError as error:
            self.error = str(error)
            return False
        self.error = ""
        if self.current is not None and found.number <= self.current.number:
            return False
        self._put_in_force(found, data, from_centre=False)
        if save_copy:
            self._save_copy()
        return True

    def _put_in_force(self, found: _List, data: bytes, *, from_centre: bool) -> None:
        self.current, self._digest, self._uncopied = found, hashlib.sha256(data).digest(), data
        self._from_centre, self.error = from_centre, ""

    def offer(self, data: bytes) -> None:
        """Put a list of the centre in force if it is newer. Raises ListError, and then nothing has changed."""
        found = self.parse(data, self.root_pem)
        if self.current is not None and found.number <= self.current.number:
            if found.number == self.current.number and hashlib.sha256(data).digest() == self._digest:
                return
            raise ListError(f"list {self.current.number} is in force; list {found.number} is not newer")
        self._put_in_force(found, data, from_centre=True)
        self._save_copy()

    def _load_file(self) -> tuple[bytes, _List]:
        data = files.read_list_file(self.path)
        found = self.parse(data, self.root_pem)
        if self.current is not None and found.number < self.current.number and not self._from_centre:
            raise ListError(
                f"{self.path} is list {found.number}; list {self.current.number} is already in force. "
                "An older list is not accepted. Ask the centre for the newest."
            )
        if self.current is not None and self._is_other(found, data):
            raise ListError(
                f"{self.path} is list {found.number} with other content than the list {found.number} in force, which stays. "
                "Sign the list again with a higher number."
            )
        return data, found

    def _is_other(self, found: _List, data: bytes) -> bool:
        """Whether it has the number of the list in force, and other content."""
        is_same_number = self.current is not None and found.number == self.current.number
        return is_same_number and hashlib.sha256(data).digest() != self._digest

    def _load_copy(self) -> None:
        """No copy yet, or a damaged one: the file decides, and its errors are reported."""
        for path, from_centre in ((self.copy_path, False), (self._received_path, True)):
            try:
                data = files.read_list_file(path)
                found = self.parse(data, self.root_pem)
            except ListError:
                continue
            if self.current is None or found.number > self.current.number:
                self._put_in_force(found, data, from_centre=from_centre)
                self._uncopied = b""

    @property
    def _received_path(self) -> Path:
        """The copy of a list that came over the network."""
        return self.copy_path.with_suffix(".received")

    def _save_copy(self) -> None:
        """Save a copy. A disk error removes only this protection. It is reported, and the copy is tried again later."""
        path = self._received_path if self._from_centre else self.copy_path
        try:
            atomic_files.write_file(path, self._uncopied)
        except OSError as error:
            self.copy_error = f"The list could not be copied to {path}: {error.strerror}."
            self._retry_copy_s = self.monotonic_s() + COPY_RETRY_S
            return
        self.copy_error, self._retry_copy_s, self._uncopied = "", None, b""


class _Sources(NamedTuple):
    trust: _ListSource[TrustList]
    denylist: _ListSource[Denylist] | None
    sealing_keys: _ListSource[SealingKeyList] | None = None

    def problems(self) -> dict[str, ListProblem]:
        found = {
            "trust": self.trust.problem,
            "denylist": self.denylist.problem if self.denylist else None,
            "sealing-keys": self.sealing_keys.problem if self.sealing_keys else None,
        }
        return {name: problem for name, problem in found.items() if problem}


def _make_sources(
    root_pem: bytes,
    copies_dir: Path,
    *,
    trust_path: Path,
    denylist_path: Path | None,
    sealing_keys_path: Path | None,
    monotonic_s: Callable[[], float] = time.monotonic,
) -> _Sources:
    sources = _Sources(
        _ListSource[TrustList](
            trust_path, copies_dir / "trust-list.kept", trust.parse_trust_list, root_pem, monotonic_s
        ),
        None,
    )
    if denylist_path is not None:
        denied = _ListSource[Denylist](
            denylist_path, copies_dir / "denylist.kept", denylist.parse_denylist, root_pem, monotonic_s
        )
        sources = sources._replace(denylist=denied)
    if sealing_keys_path is not None:
        keys = _ListSource[SealingKeyList](
            sealing_keys_path, copies_dir / "sealing-keys.kept", parse_sealing_keys, root_pem, monotonic_s
        )
        sources = sources._replace(sealing_keys=keys)
    return sources


class ListInspection(NamedTuple):
    """What a daemon that starts now would find."""

    problems: Mapping[str, ListProblem]
    """By `trust`, `denylist` and `sealing-keys`."""
    issued_at: Mapping[str, datetime]
    """Dates of the lists of passes that would be in force."""
    sealing_keys_end_at: datetime | None
    """When the last week of the sealing keys ends. None: no such list is configured or in force."""


def inspect_lists(
    *,
    trust_path: Path,
    root_pem: bytes,
    denylist_path: Path | None,
    copies_dir: Path,
    sealing_keys_path: Path | None = None,
) -> ListInspection:
    """Load the lists as a daemon that starts now would, but write no copies. Never raises."""
    sources = _make_sources(
        root_pem,
        copies_dir,
        trust_path=trust_path,
        denylist_path=denylist_path,
        sealing_keys_path=sealing_keys_path,
    )
    if sources.sealing_keys is not None:
        sources.sealing_keys.refresh(save_copy=False)
    issued_at: dict[str, datetime] = {}
    for name, each in (("trust", sources.trust), ("denylist", sources.denylist)):
        if each is not None:
            each.refresh(save_copy=False)
            if each.current is not None:
                issued_at[name] = each.current.issued_at
    return ListInspection(sources.problems(), issued_at, _end_of_keys(sources))


def _end_of_keys(sources: _Sources) -> datetime | None:
    keys = sources.sealing_keys.current if sources.sealing_keys else None
    return keys.ends_at if keys is not None else None


class ListLoader:
    """The lists in force. One thread refreshes it. Raises ListError without a good trust list, or a named list of sealing keys.

    A denylist is optional: while no good one has been found, it counts as empty and as old as can be, and `problems` has it.
    """

    def __init__(
        self,
        *,
        trust_path: Path,
        root_path: Path | None,
        denylist_path: Path | None,
        copies_dir: Path,
        sealing_keys_path: Path | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        root_pem = files.read_list_file(root_path or trust_path.with_name(trust.ROOT_PUBLIC_KEY_FILE))
        self._sources = _make_sources(
            root_pem,
            copies_dir,
            trust_path=trust_path,
            denylist_path=denylist_path,
            sealing_keys_path=sealing_keys_path,
            monotonic_s=monotonic_s,
        )
        self.refresh()
        _ = self.trust_list
        _ = self.sealing_keys

    @property
    def trust_list(self) -> TrustList:
        """The trust list in force."""
        source = self._sources.trust
        if source.current is None:
            raise ListError(source.error)
        return source.current

    @property
    def denylist(self) -> Denylist | None:
        """None if no denylist is configured. EMPTY_DENYLIST if one is, and no good one has been found yet."""
        source = self._sources.denylist
        return None if source is None else source.current or EMPTY_DENYLIST

    @property
    def sealing_keys(self) -> Sequence[WeeklyKey]:
        """The weekly sealing keys in force, oldest first. Empty if no list is configured. Raises ListError."""
        source = self._sources.sealing_keys
        if source is None:
            return ()
        if source.current is None:
            raise ListError(source.error)
        return source.current.keys

    @property
    def sealing_keys_end_at(self) -> datetime | None:
        """When the last week of the sealing keys ends. None: no such list is configured."""
        return _end_of_keys(self._sources)

    @property
    def problems(self) -> Mapping[str, ListProblem]:
        """What is wrong with the present files: `trust`, `denylist` and `sealing-keys`, if there is something."""
        return self._sources.problems()

    @property
    def errors(self) -> tuple[str, ...]:
        """Errors of the present files, as sentences. Empty if there are none."""
        texts = [text for each in self._sources if each is not None for text in (each.error, each.copy_error)]
        return tuple(filter(None, texts))

    @property
    def numbers(self) -> Mapping[str, int]:
        """The number of each configured list that a centre may send: `trust` and `deny`. 0: none is in force."""
        found = {"trust": self._sources.trust.current}
        if self._sources.denylist is not None:
            found["deny"] = self._sources.denylist.current  # type: ignore[assignment]  # each has a number
        return {kind: each.number if each is not None else 0 for kind, each in found.items()}

    def offer(self, kind: str, data: bytes) -> None:
        """Put a list of the centre in force if it is signed and newer. The thread of `refresh`. Raises ListError."""
        source = {"trust": self._sources.trust, "deny": self._sources.denylist}.get(kind)
        if source is None:
            raise ListError(f"this device uses no {kind} list")
        source.offer(data)

    def refresh(self) -> bool:
        """Read changed files again. Cheap if none changed. True if a newer list came into force."""
        changed = [each.refresh() for each in self._sources if each is not None]
        return any(changed)


def _file_version_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
