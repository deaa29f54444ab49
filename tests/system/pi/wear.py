"""Bytes that reach the card per access event and per idle hour, of the whole system, counted from outside."""

import time

from tests.system.emulator import site, time_server
from tests.system.emulator.gate import Gate
from tests.system.pi import writers
from tests.system.pi.writers import Card, Write

IDLE_MB_AN_HOUR = 1.0
EVENTS = 5
CLOCK_S = 180.0
SETTLE_S = 8.0
"""Longer than ext4 keeps a change to itself (5 s) by default."""


class Wear:
    """Measures one running kiosk on an emulated card."""

    def __init__(self, gate: Gate, card: Card) -> None:
        self._gate = gate
        self._card = card
        self._shell = gate.machine.shell

    def of_a_power_on(self) -> str:
        written = self._card.writes(self._shell)
        return f"{writers.total_bytes(written) / 1e6:.2f} MB: {self._named(written)}"

    def of_an_access_event(self) -> str:
        self._gate.show(site.EMPTY)
        before, began_s = self._settled(), time.monotonic()
        for number in range(EVENTS):
            edges = self._gate.show(f"more-{number}")
            self._gate.rises("green", edges)
            self._gate.show(site.EMPTY)
            self._gate.falls("green", edges)  # a person who passes while it is lit makes it rise no second time
        took_s = time.monotonic() - began_s
        written = self._settled()[len(before) :]
        each_kb = writers.total_bytes(written) / EVENTS / 1024
        return f"{each_kb:.0f} KB an access event, over {EVENTS} in {took_s:.0f} s: {self._named(written)}"

    def of_idle_time(self, minutes: float) -> str:
        """Minutes without people, with a clock that a time server has set. Raises AssertionError above IDLE_MB_AN_HOUR."""
        with time_server.served():
            known = self._settled()
            self._until("test -e /run/systemd/timesync/synchronized")
            self._until("systemctl list-jobs | grep -q No.jobs")  # of the calendar, which were due
            before, began_s = self._settled(), time.monotonic()
            self._gate.quiet(minutes * 60)
            self._shell.run("sync")
            took_s = time.monotonic() - began_s
        due = writers.total_bytes(before[len(known) :])
        written = self._card.writes(self._shell)[len(before) :]
        size = writers.total_bytes(written)
        hourly_mb = size * 3600 / took_s / 1e6
        text = f"{size} bytes in {took_s / 60:.1f} minutes, {hourly_mb:.2f} MB an hour: {self._named(written)}"
        assert hourly_mb <= IDLE_MB_AN_HOUR, text
        return f"{text}; before that, once a day when the clock comes, {due} bytes"

    def _until(self, condition: str) -> None:
        self._shell.run(f"timeout {CLOCK_S:g} sh -c 'until {condition}; do sleep 2; done'", CLOCK_S * 2)

    def _named(self, written: list[Write]) -> str:
        return writers.listed(self._card.named(written, self._shell))

    def _settled(self) -> list[Write]:
        """All writes so far, once everything pending is on the card; what changes from now on can be named."""
        self._gate.quiet(SETTLE_S)
        self._shell.run("sync")
        self._card.mark(self._shell)
        return self._card.writes(self._shell)
