"""A kiosk that enrols, without camera and lamps: its folder, its clock, and a client of the service."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kiosk.core.model import ClockQuality, ClockReading
from kiosk.enrolment.enroller import Enroller
from kiosk.enrolment.folder import EnrolmentFolder
from kiosk.enrolment.invitation_code import WifiNetwork
from kiosk.enrolment.service_port import EnrolmentClient
from kiosk.enrolment.wifi import WifiError


@dataclass
class HandClock:
    """A clock that a test sets by hand."""

    utc_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    monotonic_s: float = 1000.0
    quality: ClockQuality = ClockQuality.SYNCHRONISED

    def now(self) -> ClockReading:
        return ClockReading(self.utc_at, self.monotonic_s, self.quality)

    def advance(self, step: timedelta) -> None:
        self.utc_at += step
        self.monotonic_s += step.total_seconds()


@dataclass
class FakeWifi:
    """Joins networks, or fails."""

    failures: int = 0
    joined: list[WifiNetwork] = field(default_factory=list)

    def join(self, network: WifiNetwork) -> None:
        if self.failures:
            self.failures -= 1
            raise WifiError("no such network")
        self.joined.append(network)


@dataclass
class EnrollingKiosk:
    """One device. `restart` is a power cut: only the folder stays."""

    folder: EnrolmentFolder
    client: EnrolmentClient
    clock: HandClock = field(default_factory=HandClock)
    wifi: FakeWifi = field(default_factory=FakeWifi)
    check_candidate: Callable[[Path], None] = lambda _: None
    serial: str = "10000000abcdef"
    enroller: Enroller = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Start again with what is on disk."""
        self.enroller = Enroller(
            self.folder,
            self.client,
            self.clock,
            hardware_serial=self.serial,
            wifi=self.wifi,
            check_candidate=self.check_candidate,
        )

    @property
    def stage(self) -> str:
        """How far it is, with the reason."""
        status = self.enroller.status
        return f"{status.stage} {status.reason}".strip()

    def show(self, text: bytes) -> str:
        """Show a code, and let the kiosk do one step. Returns the stage."""
        self.enroller.offer(text)
        return self.step()

    def step(self) -> str:
        """One step. Returns the stage."""
        self.clock.advance(timedelta(seconds=self.enroller.step()))
        return self.stage
