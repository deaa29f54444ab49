"""A daemon's end of the control socket in a thread, for tests: it keeps what it was ordered."""

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kiosk.app.control_socket import (
    AdmitCommand,
    CapturePreviewCommand,
    Command,
    CommandRejectedError,
    ControlServer,
    PauseCommand,
    ReleaseQuarantineCommand,
    ShowSignalCommand,
    UndoCommand,
)


class Ordered:
    """Takes every order there is; a context manager."""

    def __init__(self, run_dir: Path) -> None:
        self.orders: list[Command] = []
        self.refuses = ""
        """What to say instead of doing it."""
        self.refuses_with = "failed"
        """The answer's word then."""
        self.detail: Mapping[str, Any] = {}
        """What to answer."""
        kinds = (
            AdmitCommand,
            UndoCommand,
            ShowSignalCommand,
            PauseCommand,
            ReleaseQuarantineCommand,
            CapturePreviewCommand,
        )
        self._control = ControlServer(run_dir, dict.fromkeys(kinds, self._keep))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hear nobody any more; harmless a second time."""
        self._stop.set()
        self._thread.join()
        self._control.close()

    def _keep(self, order: Command) -> Mapping[str, Any]:
        if self.refuses:
            raise CommandRejectedError(self.refuses, self.refuses_with)
        self.orders.append(order)
        return self.detail

    def _run(self) -> None:
        while not self._stop.wait(self._control.step()):
            continue
