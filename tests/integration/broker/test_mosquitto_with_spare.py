"""mosquitto with a spare, as mqtt/broker/with_spare/ configures it: each of the two is killed while records arrive."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import mqtt.broker
from kiosk.app.builders.delivery import build_relay
from kiosk.config.loader import parse_settings
from kiosk.storage import SqliteEventStore
from kiosk.system.clock import SystemClock
from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from tests.fakes.data.access_events import an_event
from tests.fakes.processes.broker import Broker, free_port
from tests.paths import PROJECT

SHIPPED = Path(mqtt.broker.__file__).parent
NOW = datetime.now(UTC)
GATES = ("gate-1", "gate-2")
KEYS = {"sealing_public_key": "x", "pseudonym_key": "x", "trust_list": "x", "root_public_key": "x"}


class Pair:
    """Two brokers with the shipped configuration, certificates for all, and the shipped settings with the test's addresses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = CertificateAuthority.create(folder, "test authority", NOW)
        authority.issue("broker", CertificateUse.SERVER, NOW, 30, ["127.0.0.1"])
        authority.issue("centre", CertificateUse.CLIENT, NOW, 30)
        for gate in GATES:
            authority.issue(f"dong-ba/{gate}", CertificateUse.CLIENT, NOW, 30)
        self.brokers = [Broker("", listener=False) for _ in range(2)]
        self._addresses = {}
        for number, broker in enumerate(self.brokers, 1):
            centre_port = free_port()
            broker.config.write_text(self._broker_configuration(broker, centre_port), encoding="utf-8")
            self._addresses[f"mqtt-{number}.hue.example:8883"] = broker.address
            self._addresses[f"mqtt-{number}.hue.example:8884"] = f"127.0.0.1:{centre_port}"

    def _broker_configuration(self, broker: Broker, centre_port: int) -> str:
        shutil.copy(SHIPPED / "acl", self.folder / "acl")
        text = (SHIPPED / "mosquitto.conf").read_text(encoding="utf-8")
        text = text.replace("/etc/mosquitto/entrance/", f"{self.folder}/")
        text = text.replace("/var/lib/mosquitto/", f"{broker.folder}/")
        text = text.replace("listener 8883", f"listener {broker.port} 127.0.0.1")
        text = text.replace("listener 8884", f"listener {centre_port} 127.0.0.1")
        return f"{text}\nlog_dest file {broker.log}\nuser root\n"

    def settings(self, name: str, certificate: str) -> dict[str, Any]:
        """A shipped file with other addresses and paths, and everything else as it is."""
        text = (SHIPPED / "with_spare" / name).read_text(encoding="utf-8")
        for shipped, own in self._addresses.items():
            text = text.replace(shipped, own)
        found = tomllib.loads(text)
        table = found.get("mqtt", found)
        own_paths = {"ca": "ca.pem", "certificate": f"{certificate}.pem", "key": f"{certificate}.key"}
        table.update({key: str(self.folder / file) for key, file in own_paths.items()})
        return found


class Kiosk:
    """A store with the relay that the product builds from the shipped settings."""

    def __init__(self, pair: Pair, gate: str) -> None:
        self.store = SqliteEventStore(pair.folder / f"{gate}.db")
        tree = {
            "site": {"site": "dong-ba", "device": gate},
            "keys": KEYS,
            **pair.settings("kiosk.toml", f"dong-ba.{gate}"),
        }
        self.relay = build_relay(parse_settings(tree, pair.folder / "kiosk.toml"), self.store, SystemClock())

    def commit(self, first: int, count: int) -> None:
        self.store.commit_all([an_event(number) for number in range(first, first + count)])


@contextmanager
def running_centre(pair: Pair, database: Path) -> Iterator[None]:
    """`kiosk centre` with the shipped settings, as a process."""
    values = pair.settings("centre.toml", "centre") | {"database": str(database)}
    file = pair.folder / "centre.toml"
    file.write_text("".join(f"{key} = {value!r}\n" for key, value in values.items()), encoding="utf-8")
    command = [sys.executable, "-m", "kiosk.cli", "centre", "--config", str(file)]
    log = (pair.folder / "centre.log").open("wb")
    with log, subprocess.Popen(
        command, cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT)}, stdout=log, stderr=log
    ) as process:  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def stored(database: Path) -> tuple[int, int]:
    """Rows, and different events."""
    if not database.exists():
        return 0, 0
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as ledger:
        if not ledger.execute("SELECT 1 FROM sqlite_schema WHERE name = 'event'").fetchone():
            return 0, 0
        rows, different = ledger.execute("SELECT count(*), count(DISTINCT stream || '-' || seq) FROM event").fetchone()
    return int(rows), int(different)


def until(kiosks: list[Kiosk], done: Callable[[], bool], log: Path, timeout_s: float = 180.0) -> None:
    pause, started_s = threading.Event(), time.monotonic()
    while not done():
        assert time.monotonic() < started_s + timeout_s, log.read_text(errors="replace")[-2000:]
        pause.wait(min([kiosk.relay.step() for kiosk in kiosks] + [0.05]))


def test_each_of_two_brokers_dies_in_turn_and_nothing_is_lost_or_stored_twice(tmp_path: Path) -> None:
    pair, database = Pair(tmp_path), tmp_path / "centre.db"
    first, second = pair.brokers
    log = tmp_path / "centre.log"
    with ExitStack() as running:
        for broker in pair.brokers:
            running.enter_context(broker)
        running.enter_context(running_centre(pair, database))
        kiosks = [Kiosk(pair, gate) for gate in GATES]
        for kiosk in kiosks:
            running.callback(kiosk.store.close)
            running.callback(kiosk.relay.close)

        def delivered() -> bool:
            return all(kiosk.store.backlog_size() == 0 for kiosk in kiosks)

        total = 0
        for dead, living in ((first, second), (second, first)):
            for number, kiosk in enumerate(kiosks):
                kiosk.commit(total + number * 1000, 500)
            until(kiosks, lambda before=total: stored(database)[0] > before + 50, log)  # type: ignore[misc]
            dead.kill()
            for number, kiosk in enumerate(kiosks):
                kiosk.commit(total + number * 1000 + 500, 100)
            total += 1200
            until(kiosks, delivered, log)
            assert stored(database) == (total, total)
            assert {kiosk.relay.status().broker for kiosk in kiosks} == {living.address}
            dead.start()
        assert all(kiosk.store.quarantined_count() == 0 for kiosk in kiosks)


@pytest.mark.parametrize("name", ["kiosk.toml", "centre.toml"])
def test_every_setting_of_the_written_configuration_has_its_reason_above_it(name: str) -> None:
    blocks = (SHIPPED / "with_spare" / name).read_text(encoding="utf-8").split("\n\n")
    settings = [block for block in blocks if any(line and line[0] not in "#[" for line in block.splitlines())]
    assert len(settings) >= 3
    for block in settings:
        lines = [line for line in block.splitlines() if not line.startswith("[")]
        assert lines[0].startswith("#"), block
