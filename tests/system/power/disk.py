"""What stands on a data disk after a power cut: its file system mounted as the device would, its database opened by our store."""

import contextlib
import sqlite3
import subprocess
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from kiosk.core.ports import KioskError
from kiosk.storage import IncompatibleDatabaseError, RetentionLimits, SqliteEventStore
from kiosk.storage.database import open_writer
from tests.fakes.data.access_events import an_event
from tests.system.power.recorder import NEXT_RELEASE


class NotMounted(Exception):
    """The kernel does not take the file system, in its words."""


NEEDS_A_PERSON = (KioskError, sqlite3.Error, NotMounted)
"""What `look` raises: a database that does not open, a file system that does not mount."""
AFTER_THE_CUT = "after the cut"
LIMITS = RetentionLimits(max_rows=10**9, low_space_bytes=0, min_free_bytes=0)


@dataclass(frozen=True, slots=True)
class Found:
    """The facts of one state of a disk."""

    there: bool = False
    """There is a database at all."""
    epoch: str = ""
    schema: int = 0
    """How many migrations it had been through."""
    first_seq: int = 0
    last_seq: int = 0
    count: int = 0
    settled: int = 0
    """Up to where the device knows that the centre has everything."""
    gone: int = 0
    """How many rows retention has let go, as the notices say."""
    integrity: str = ""
    aside: tuple[str, ...] = ()
    """Databases that were set aside as damaged, or are suspected."""
    torn: tuple[str, ...] = ()
    """Kept copies of signed lists that are neither absent nor whole."""
    passes: Mapping[str, int] = field(default_factory=dict)
    """How many greens are recorded, by boot."""
    ids: Mapping[int, bytes] = field(default_factory=dict)
    """Record ids by their numbers."""
    next_seq: int = 0
    """The number that the next record got; 0 where none was tried."""

    def problem(self) -> str:
        """Why a person would be needed, or a record is missing or doubled; empty where all is well."""
        span = self.last_seq - self.first_seq + 1 if self.count else 0
        signs = {
            f"integrity_check says {self.integrity}": self.there and self.integrity != "ok",
            f"set aside: {self.aside}": bool(self.aside),
            f"torn: {self.torn}": bool(self.torn),
            f"{self.count} records between {self.first_seq} and {self.last_seq}: a gap": self.count != span,
            f"the first record is {self.first_seq}, {self.gone} were let go": span and self.gone != self.first_seq - 1,
            f"{self.gone} were let go, {self.settled} are known to be at the centre": self.gone > self.settled,
            "an id stands twice": len(set(self.ids.values())) != self.count,
            f"after {self.last_seq} came {self.next_seq}": self.next_seq not in (0, self.last_seq + 1),
        }
        return "; ".join(sign for sign, seen in signs.items() if seen)


def look(disk: Path, *, migrate: bool = False, lists: Collection[bytes] = ()) -> Found:
    """Mount the disk's image and open its database; the image is changed by that. Raises NEEDS_A_PERSON.

    `migrate`: the next release opens it as well, and is asked what it finds. `lists`: what kept lists may contain.
    """
    with _mounted(disk) as folder:
        path = folder / "events.db"
        torn = tuple(each.name for each in folder.glob("*.kept") if each.read_bytes() not in lists)
        if not path.exists():
            return Found(torn=torn)
        next_seq = _open_as_the_device_does(path)
        schema = _schema(path)
        if migrate:
            open_writer(path, NEXT_RELEASE).close()
        return replace(_facts(path, next_seq, schema), torn=torn)


def _open_as_the_device_does(path: Path) -> int:
    """Open, record one more access event, close; its number, or 0 where this release leaves a newer one's database alone."""
    try:
        store = SqliteEventStore(path, boot_id=AFTER_THE_CUT, limits=LIMITS)
    except IncompatibleDatabaseError:
        return 0
    try:
        return store.commit(an_event(10**6)).seq
    finally:
        store.close()


def _schema(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as database:
        said = int(database.execute("PRAGMA user_version").fetchone()[0])
    return said & 0xFFFF  # the upper bits say which older release may write


def _facts(path: Path, next_seq: int, schema: int) -> Found:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM event WHERE seq = ?", [next_seq])
        ids = {int(seq): bytes(id_) for seq, id_ in database.execute("SELECT seq, id FROM event")}
        epoch, settled = database.execute("SELECT epoch, up_to_seq FROM delivery").fetchone()
        boots = database.execute(
            "SELECT boot_id, count(*) FROM event JOIN boot ON boot_number = number WHERE outcome = 'pass' GROUP BY boot_id"
        )
        gone = database.execute("SELECT coalesce(sum(count), 0) FROM notice WHERE kind LIKE 'purged-%'").fetchone()[0]
        return Found(
            there=True,
            epoch=epoch,
            schema=schema,
            first_seq=min(ids, default=0),
            last_seq=max(ids, default=0),
            count=len(ids),
            settled=int(settled),
            gone=int(gone),
            integrity=str(database.execute("PRAGMA integrity_check").fetchone()[0]),
            aside=tuple(
                each.name for kind in ("damaged-*", "suspect") for each in path.parent.glob(f"events.db.{kind}")
            ),
            passes=Counter(dict(boots.fetchall())),
            ids=ids,
            next_seq=next_seq,
        )


@contextlib.contextmanager
def _mounted(disk: Path) -> Iterator[Path]:
    """The file system of a disk's image. Raises NotMounted."""
    with tempfile.TemporaryDirectory(prefix="kiosk-disk-") as folder:
        mount = ["mount", "-t", "ext4", "-o", "loop,noatime", str(disk), folder]
        done = subprocess.run(mount, check=False, capture_output=True, text=True)
        if done.returncode:
            raise NotMounted(done.stderr.strip())
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def copied(disk: Path, to: Path) -> Path:
    """A copy that may be changed."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(disk), str(to)], check=True)
    return to


def cannot_mount() -> str:
    """Why disk images cannot be mounted here, as a sentence; empty where they can."""
    with tempfile.TemporaryDirectory(prefix="kiosk-disk-") as folder:
        image = Path(folder) / "image"
        with image.open("wb") as file:
            file.truncate(8 << 20)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", str(image)], check=True, stderr=subprocess.DEVNULL)
        try:
            with _mounted(image):
                return ""
        except NotMounted as error:
            return f"this machine cannot mount disk images ({error}); it needs loop devices and a real root."
