"""Control groups of a container's own: each systemd takes the tree that it finds for its own, and two of them in one quarrel."""

import subprocess
from contextlib import suppress
from pathlib import Path

_LEFT_OUT = "cpuset"
"""A new one has no processor yet and takes no process; systemd does not use version 1 of it."""


class Groups:
    """One group in every hierarchy that this process is in, so that a container's tree begins there.

    Needs a mount namespace of our own: the hierarchies are mounted anew under `folder`, wherever this machine has them.
    """

    def __init__(self, name: str, folder: Path) -> None:
        """Raises CalledProcessError or OSError where this machine does not let us."""
        self.paths: list[Path] = []
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            number, controllers, path = line.split(":", 2)
            if controllers != _LEFT_OUT:
                top = folder / (controllers or "unified")
                _mount(number, controllers, top)
                group = top / path.lstrip("/") / f"entrance-kiosk-{name}"
                group.mkdir(exist_ok=True)
                self.paths.append(group)

    def started_in(self, command: list[str]) -> list[str]:
        """The command line that runs a command in these groups."""
        joins = "".join(f'echo $$ > "${{{number}}}"; ' for number in range(1, len(self.paths) + 1))
        places = [str(path / "cgroup.procs") for path in self.paths]
        return ["sh", "-ec", f'{joins}shift {len(places)}; exec "$@"', "sh", *places, *command]

    def delete(self) -> None:
        """Once nothing runs in there any more; what does not go does no harm."""
        for group in self.paths:
            below = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
            for each in (*below, group):
                with suppress(OSError):
                    each.rmdir()


def _mount(number: str, controllers: str, top: Path) -> None:
    top.mkdir(parents=True, exist_ok=True)
    if number == "0":
        kind = ["cgroup2"]
    else:
        kind = ["cgroup", "-o", f"none,{controllers}" if controllers.startswith("name=") else controllers]
    subprocess.run(["mount", "-t", kind[0], *kind[1:], "cgroup", top], check=True)
