"""What a kiosk costs its card: bytes that reach it per passage and per idle hour, whole system included, counted from outside."""

import time

from tests.system.emulator import site, time_server
from tests.system.emulator.gate import Gate
from tests.system.pi import writers
from tests.system.pi.writers import Card, Write

IDLE_MB_AN_HOUR = 1.0
PASSAGES = 5
CLOCK_S = 180.0
SETTLE_S = 8.0
"""Longer than ext4 keeps a change to itself (5 s), where nobody has told it otherwise."""


class Wear:
    """Asked of one running kiosk on an emulated card. `idle_minutes`: how long nobody comes."""

    def __init__(self, gate: Gate, card: Card, idle_minutes: float) -> None:
        self._gate = gate
        self._card = card
        self._shell = gate.machine.shell
        self._idle_minutes = idle_minutes

    def a_power_on_costs_the_card_little(self) -> str:
        written = self._card.writes(self._shell)
        return f"{writers.total_bytes(written) / 1e6:.2f} MB: {self._named(written)}"

    def a_passage_costs_the_card_little(self) -> str:
        self._gate.show(site.NOBODY)
        before, began_s = self._settled(), time.monotonic()
        for number in range(PASSAGES):
            edges = self._gate.show(f"more-{number}")
            self._gate.rises("green", edges)
            self._gate.show(site.NOBODY)
            self._gate.falls("green", edges)  # who passes while it is lit makes it rise no second time
        took_s = time.monotonic() - began_s
        written = self._settled()[len(before) :]
        each_kb = writers.total_bytes(written) / PASSAGES / 1024
        return f"{each_kb:.0f} KB a passage, over {PASSAGES} in {took_s:.0f} s: {self._named(written)}"

    def while_nobody_comes_the_card_is_left_alone(self) -> str:
        """With a clock that a time server has set, as on an ordinary day."""
        with time_server.served():
            known = self._settled()
            self._until("test -e /run/systemd/timesync/synchronized")
            self._until("systemctl list-jobs | grep -q No.jobs")  # of the calendar, which were due
            before, began_s = self._settled(), time.monotonic()
            self._gate.quiet(self._idle_minutes * 60)
            self._shell.run("sync")
            took_s = time.monotonic() - began_s
        due = writers.total_bytes(before[len(known) :])
        written = self._card.writes(self._shell)[len(before) :]
        size = writers.total_bytes(written)
        hourly_mb = size * 3600 / took_s / 1e6
        said = f"{size} bytes in {took_s / 60:.1f} minutes, {hourly_mb:.2f} MB an hour: {self._named(written)}"
        assert hourly_mb <= IDLE_MB_AN_HOUR, said
        return f"{said}; before that, once a day when the clock comes, {due} bytes"

    def _until(self, condition: str) -> None:
        self._shell.run(f"timeout {CLOCK_S:g} sh -c 'until {condition}; do sleep 2; done'", CLOCK_S * 2)

    def _named(self, written: list[Write]) -> str:
        return writers.told(self._card.named(written, self._shell))

    def _settled(self) -> list[Write]:
        """All writes so far, once everything pending is on the card; what changes from now on can be named."""
        self._gate.quiet(SETTLE_S)
        self._shell.run("sync")
        self._card.mark(self._shell)
        return self._card.writes(self._shell)
