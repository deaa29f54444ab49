"""What is in front of the camera of the seventh gate: an empty view, a QR code that a person holds up, later visitors."""

import threading

from kiosk.simulation.scenario import Scenario, ScenarioTiming, Visitor


class ShownCode:
    """Frames for a FrameServer. Any thread."""

    def __init__(self, visitors: Scenario) -> None:
        """`visitors`: who comes once the gate is enrolled."""
        self._visitors = visitors
        self._lock = threading.Lock()
        self._frame = 0
        self._held: Visitor | None = Visitor("none")

    @property
    def timing(self) -> ScenarioTiming:
        """Of the visitors."""
        return self._visitors.timing

    def hold(self, code: bytes) -> None:
        """Hold a code up until `let_people_in`."""
        with self._lock:
            self._held = Visitor("unknown", (code,))

    def let_people_in(self) -> None:
        """The gate is enrolled."""
        with self._lock:
            self._held = None

    def next_frame(self) -> tuple[int, Visitor | None]:
        """The next frame number and who is in it."""
        with self._lock:
            self._frame += 1
            if self._held is not None:
                return self._frame, self._held
        return self._frame, self._visitors.next_frame()[1]
