"""A memory control group for one process (cgroup version 1 or 2), so that the kernel kills it when its memory is used up."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_SHARES = (0.5, 0.7, 0.8, 0.9, 1.0)
"""Version 1 refuses a limit that it cannot reach at once, so the lowest share of the present use that it takes is set."""


class MemoryGroup:
    """A child of our own group, without a limit. Root, or a delegated group."""

    def __init__(self, folder: Path, limit_file: str, no_limit: str) -> None:
        self._folder = folder
        self._limit_file = folder / limit_file
        self._usage_file = folder / ("memory.current" if limit_file == "memory.max" else "memory.usage_in_bytes")
        self._no_limit = no_limit

    @classmethod
    def make(cls, name: str) -> Self | None:
        """None if no group can be made here."""
        for parent, limit_file, no_limit in _parents():
            folder = parent / name
            with contextlib.suppress(OSError):
                folder.mkdir()
                if (folder / limit_file).exists():
                    return cls(folder, limit_file, no_limit)
                folder.rmdir()
        return None

    def started_in(self, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` in this group."""
        return ["sh", "-ec", 'echo $$ > "$1"; shift; exec "$@"', "sh", str(self._folder / "cgroup.procs"), *command]

    def use_up(self) -> None:
        """No memory is left: the next allocation makes the kernel kill the process."""
        usage = int(self._usage_file.read_text(encoding="ascii"))
        for share in _SHARES:
            try:
                self._limit_file.write_text(str(int(usage * share)), encoding="ascii")
            except OSError:
                continue
            return

    def release(self) -> None:
        """Remove the limit."""
        self._limit_file.write_text(self._no_limit, encoding="ascii")

    def remove(self) -> None:
        """Remove the group. Its processes have ended."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


def _parents() -> list[tuple[Path, str, str]]:
    """Where a group may be made: parent, its limit file, the text for no limit."""
    found: list[tuple[Path, str, str]] = []
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            found.append((Path("/sys/fs/cgroup/memory" + path), "memory.limit_in_bytes", "-1"))
        elif not controllers:
            own = Path("/sys/fs/cgroup" + path)
            # A group of version 2 with processes of its own has no children with a controller: then beside it.
            found += [(own, "memory.max", "max"), (own.parent, "memory.max", "max")]
    return found
