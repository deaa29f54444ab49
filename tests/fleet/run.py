"""`python -m tests.fleet.run --kiosks 10000`: simulate a fleet, print what was measured, save it in build/fleet.json.

Without --broker it starts mosquitto, a database and `kiosk centre` itself. Exits 1 if anything was lost, doubled, wrong or
never confirmed.
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from kiosk.config.addresses import split_host_port
from tests.benchmarks import table
from tests.fleet import parts as fleet_parts
from tests.fleet import report, stored_rows, traffic
from tests.fleet.parts import Parts, Usage
from tests.fleet.simulation import FleetOptions, Simulation

RESULT = Path("build/fleet.json")
STORM_SHARE = 0.99
BROKER_AWAY_S = 3.0
"""As a supervisor starts it again."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="make fleet", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    found.add_argument("--kiosks", type=int, default=10_000)
    found.add_argument("--seconds", type=float, default=60.0, help="how long people pass (60)")
    found.add_argument("--passages-per-s", type=float, default=100.0, help="of the whole fleet (100)")
    found.add_argument(
        "--passages-per-day", type=float, help="of one kiosk, by the hours of a day, in place of a fixed rate"
    )
    found.add_argument("--hour", type=float, default=6.0, help="of the day, with --passages-per-day (6)")
    found.add_argument("--speed", type=float, default=1.0, help="how fast the hours go by, with --passages-per-day (1)")
    found.add_argument("--connects-per-s", type=float, default=500.0, help="how fast the fleet is switched on (500)")
    found.add_argument("--backlog", type=int, default=0, help="events that each kiosk has at the start (0)")
    found.add_argument(
        "--outages-per-hour", type=float, default=0.0, help="of the whole fleet's network connections (0)"
    )
    found.add_argument("--outage-s", type=float, default=60.0, help="their mean length (60)")
    found.add_argument("--kill-broker-at", type=float, help="kill -9 after so many seconds; it is back 3 s later")
    found.add_argument("--unsealed", action="store_true", help="events name no person")
    found.add_argument("--mqtt-version", choices=["5", "3.1.1"], default="5")
    found.add_argument("--database", default="postgresql", help="postgresql (default), sqlite, or an address")
    found.add_argument("--centres", type=int, default=1, help="centres that share the work (1)")
    found.add_argument("--centre-options", default="", help="more options of `kiosk centre`")
    found.add_argument("--drain-s", type=float, default=120.0, help="how long to wait for the last receipts (120)")
    found.add_argument("--broker", nargs="+", metavar="HOST:PORT", help="brokers that run already, with a centre")
    found.add_argument(
        "--certificates", help="folder of `kiosk pki` with a certificate of each kiosk: TLS, with --broker"
    )
    found.add_argument("--result", type=Path, default=RESULT)
    return found


def options_of(arguments: argparse.Namespace) -> FleetOptions:
    """What the command line asks for."""
    rate: traffic.FixedRate | traffic.DayRate = traffic.FixedRate(arguments.passages_per_s)
    if arguments.passages_per_day is not None:
        rate = traffic.DayRate(arguments.passages_per_day * arguments.kiosks, arguments.hour, arguments.speed)
    return FleetOptions(
        arguments.kiosks,
        rate,
        arguments.seconds,
        connects_per_s=arguments.connects_per_s,
        backlog=arguments.backlog,
        outages_per_hour=arguments.outages_per_hour,
        outage_s=arguments.outage_s,
        sealed=not arguments.unsealed,
        mqtt_version=arguments.mqtt_version,
        drain_s=arguments.drain_s,
        certificates=arguments.certificates,
    )


class Storm:
    """Kills the broker in the middle of a run, and watches the fleet come back."""

    def __init__(self, parts: Parts, kill_after_s: float | None) -> None:
        self.back_s: float | None = None
        self.receipt_s: float | None = None
        self._parts = parts
        self._kill_after_s = kill_after_s
        self._started_s: float | None = None
        self._alive_s: float | None = None
        self._restart: threading.Thread | None = None
        self._confirmed = 0

    def watch(self, simulation: Simulation) -> None:
        """Called in each turn of the simulation."""
        if self._kill_after_s is None or simulation.phase == "connecting":
            return
        now_s = time.monotonic()
        self._started_s = self._started_s or now_s
        if self._restart is None:
            if now_s >= self._started_s + self._kill_after_s:
                self._restart = self._parts.kill_broker(BROKER_AWAY_S)
                self._confirmed = simulation.counts.confirmed
        elif self._alive_s is None:
            self._alive_s = None if self._restart.is_alive() else now_s
            self._confirmed = simulation.counts.confirmed
        else:
            share = simulation.counts.connected / len(simulation.kiosks)
            if self.back_s is None and share >= STORM_SHARE:
                self.back_s = now_s - self._alive_s
            if self.receipt_s is None and simulation.counts.confirmed > self._confirmed:
                self.receipt_s = now_s - self._alive_s

    def join(self) -> None:
        """Wait until the broker runs again."""
        if self._restart is not None:
            self._restart.join()

    def summary(self) -> dict[str, float | None] | None:
        """None where no broker was killed."""
        if self._kill_after_s is None:
            return None
        return {
            "99 % of the kiosks are back after": self.back_s,
            "first receipt after the broker is back": self.receipt_s,
        }


def own_usage() -> Usage:
    """Of this process."""
    times = os.times()
    resident = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return Usage(times.user + times.system, resident * os.sysconf("SC_PAGE_SIZE") / 2**20)


def measure(
    options: FleetOptions, parts: Parts, *, kill_broker_at_s: float | None = None, stop: threading.Event | None = None
) -> tuple[Simulation, report.Measured]:
    """One run with these parts. The simulation is closed. Raises SystemExit soon after `stop` is set."""
    seconds = options.kiosks / options.connects_per_s + options.duration_s
    progress, storm = report.Progress(options.kiosks, seconds), Storm(parts, kill_broker_at_s)

    def on_tick(simulation: Simulation) -> None:
        if stop is not None and stop.is_set():
            raise SystemExit(128 + signal.SIGTERM)
        progress.show(simulation.phase, simulation.counts)
        storm.watch(simulation)

    simulation = Simulation(options, parts.addresses, on_tick)
    try:
        all_connected = simulation.connect()
        connected_after_s = time.monotonic() - simulation.started_s
        before, started_s = {"simulator": own_usage(), **parts.usage()}, time.monotonic()
        simulation.run()
        after, seconds = {"simulator": own_usage(), **parts.usage()}, time.monotonic() - started_s
        all_confirmed = simulation.drain()
    finally:
        simulation.close()
        storm.join()
    stored = stored_rows.compare(parts.database, simulation.kiosks, simulation.run_id) if parts.database else None
    return simulation, report.Measured(
        options.kiosks,
        all_connected,
        connected_after_s,
        all_confirmed,
        simulation.unconfirmed,
        report.Phase.between(before, after, seconds),
        {"simulator": own_usage(), **parts.usage()},
        stored,
        simulation.longest_turn_s,
        os.getloadavg(),
        storm.summary(),
    )


def main(command_line: Sequence[str]) -> int:
    """1 where the run failed."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())  # broker, centre and database end too
    arguments = parser().parse_args(command_line)
    options = options_of(arguments)
    if arguments.broker:
        addresses = tuple(split_host_port(address) for address in arguments.broker)
        database = arguments.database if "//" in arguments.database or Path(arguments.database).exists() else ""
        return _run(options, Parts(None, database, [], addresses), arguments, stop)
    more = arguments.centre_options.split()
    with fleet_parts.running(arguments.database, centres=arguments.centres, centre_options=more) as parts:
        return _run(options, parts, arguments, stop)


def _run(options: FleetOptions, parts: Parts, arguments: argparse.Namespace, stop: threading.Event) -> int:
    simulation, measured = measure(options, parts, kill_broker_at_s=arguments.kill_broker_at, stop=stop)
    found = report.rows(simulation.counts, measured)
    table.show("fleet", found)
    report.save(arguments.result, options, simulation.counts, measured)
    print(f"saved in {arguments.result}")
    if report.failed(found):
        print(f"the centre's log ends with:\n{parts.last_words()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
