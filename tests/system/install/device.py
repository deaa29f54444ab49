"""A machine that install.sh is run on, with what is known of its records, which may only grow."""

import json
import random
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.system.container.container import Container, until
from tests.system.install.bundles import VARIANTS

PROGRAM = "/opt/entrance-kiosk"
BUILT_S = 600.0
"""A release may take so long to be made on a machine with much else to do."""
TRIAL_S = 60.0
RECORDS = "/var/lib/entrance-kiosk/events.db"
LOOK = """
import json, sqlite3, sys
with sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True) as d:
    count, first, last = d.execute("select count(*), min(seq), max(seq) from event").fetchone()
    epoch = d.execute("select epoch from delivery").fetchone()[0]
    sound = d.execute("pragma integrity_check").fetchone()[0]
    schema = d.execute("pragma user_version").fetchone()[0] & 0xFFFF
print(json.dumps({"count": count, "first": first, "last": last, "epoch": epoch, "sound": sound, "schema": schema}))
"""


@dataclass(frozen=True, slots=True)
class Options:
    """Of `make test-install`."""

    suites: tuple[str, ...]
    cuts: int
    """Power cuts in the middle of an upgrade, on each suite."""
    patience_s: float
    """How long an upgrade waits to be ready. The product's own is 120 s."""


class Device:
    """A machine with what is known of its records, which may only grow."""

    def __init__(
        self, container: Container, bundles: dict[str, str], key: str, options: Options, chance: random.Random
    ) -> None:
        """`key`: fingerprint of the key that signed the bundles."""
        self.container = container
        self.bundles = bundles
        self.key = key
        self.options = options
        self.chance = chance
        self.epoch = ""
        self.seen_seq = 0
        self.making_s = 0.0
        """How long a release took to be made here."""
        self.cuts: Counter[str] = Counter()
        """How often the power went, by where that was in the upgrade."""

    def install(self, variant: str, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a bundle's install.sh to its end."""
        began_s = time.monotonic()
        done = self.container.run(*self.installing(variant, *options), check=False)
        if check and done.returncode:
            said = self.container.run("journalctl", "-b", "-n", "60", "--no-pager", check=False).stdout
            raise AssertionError(f"{variant}: status {done.returncode}\n{done.stdout}{done.stderr}\n{said}")
        if not self.making_s:  # the first one makes a release and has nothing to switch from
            self.making_s = time.monotonic() - began_s
        return done

    def installing(self, variant: str, *options: str) -> list[str]:
        """The command line; root's umask is a careful one."""
        careful = ["sh", "-c", 'umask 077; exec sh "$0" "$@"']
        trusted = ["--yes", "--fingerprint", self.key, "--ready-timeout", str(self.options.patience_s)]
        return [*careful, f"{self.bundles[variant]}/install.sh", *trusted, *options]

    def write_settings(self) -> None:
        """A switch gives up sooner than the product's own, and a trial is short."""
        text = f"READY_TIMEOUT_S={self.options.patience_s:g}\nTRIAL_S={TRIAL_S:g}\n"
        command = f"mkdir -p /etc/default; printf '{text}' > /etc/default/entrance-kiosk"
        self.container.run("sh", "-c", command.replace("\n", "\\n"))

    def outcome(self) -> dict[str, Any]:
        """How the last switch ended."""
        printed = self.container.run("cat", f"{PROGRAM}/last-upgrade.json").stdout
        found: dict[str, Any] = json.loads(printed)
        return found

    def releases(self) -> set[str]:
        """Versions whose folders are there."""
        return set(self.container.run("ls", f"{PROGRAM}/releases").stdout.split())

    def status(self) -> dict[str, Any]:
        """status.json."""
        printed = self.container.run("cat", "/run/entrance-kiosk/status.json", check=False).stdout
        found: dict[str, Any] = json.loads(printed) if printed else {}
        return found

    def serves(self, timeout_s: float = 180.0) -> str:
        """Wait until people are answered; the version that does it."""

        def answered() -> dict[str, Any] | None:
            said = self.status()
            ready = said.get("state") in ("ready", "degraded") and sum(said.get("counters", {}).values())
            return said if ready and said["pid"] == self.pid() else None

        return str(until("people are answered", answered, timeout_s)["version"])

    def pid(self) -> int:
        return int(self.container.run("systemctl", "show", "kiosk", "-p", "MainPID", "--value").stdout)

    def release(self) -> str:
        """Version that `current` leads to."""
        return self.container.run("readlink", f"{PROGRAM}/current").stdout.strip().rpartition("/")[2]

    def note_what_was_acknowledged(self) -> int:
        """The newest record whose light was shown."""
        self.seen_seq = max(self.seen_seq, int(self.status().get("seq", 0)))
        return self.seen_seq

    def nothing_is_lost(self) -> dict[str, Any]:
        """Every record that was acknowledged is there, without a gap, in the same epoch, in a sound database."""
        found: dict[str, Any] = json.loads(self.container.run("python3", "-c", LOOK, RECORDS).stdout)
        assert found["sound"] == "ok", found
        assert (found["first"], found["count"]) == (1, found["last"]), found
        assert found["last"] >= self.seen_seq, f"{found} after record {self.seen_seq} was acknowledged"
        assert found["epoch"] == (self.epoch or found["epoch"]), f"{found}, the epoch was {self.epoch}"
        self.epoch, self.seen_seq = found["epoch"], found["last"]
        return found

    def journal_is_gone(self) -> None:
        """No upgrade is under way."""
        assert self.container.run("test", "-e", f"{PROGRAM}/upgrade.json", check=False).returncode == 1

    def switch_begins(self) -> None:
        """Wait for an upgrade's switch. The loop runs inside: a switch takes seconds, and each look from outside half a one."""
        waiting = f"until [ -e {PROGRAM}/upgrade.json ]; do sleep 0.02; done"
        self.container.run("timeout", f"{BUILT_S:g}", "sh", "-c", waiting)


def version(variant: str) -> str:
    return VARIANTS[variant][0]
