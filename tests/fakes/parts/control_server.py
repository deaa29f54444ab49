"""Fake daemon on the control socket, in a thread. It records the commands."""

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kiosk.app.control_socket import (
    AcknowledgeReleaseCommand,
    AdmitCommand,
    CapturePreviewCommand,
    CheckConfigurationCommand,
    Command,
    CommandRejectedError,
    ControlServer,
    KeepConfigurationCommand,
    PauseCommand,
    ReleaseQuarantineCommand,
    RestartCommand,
    RollBackConfigurationCommand,
    ShowSignalCommand,
    TryConfigurationCommand,
    UndoCommand,
)


class FakeControlServer:
    """Accepts all commands. A context manager."""

    def __init__(self, run_dir: Path) -> None:
        self.commands: list[Command] = []
        self.refuses = ""
        """If set: reject commands with this message."""
        self.refuses_with = "failed"
        """Error code of the rejection."""
        self.detail: Mapping[str, Any] = {}
        """Detail of the response."""
        kinds = (
            AdmitCommand,
            UndoCommand,
            ShowSignalCommand,
            PauseCommand,
            ReleaseQuarantineCommand,
            RestartCommand,
            CapturePreviewCommand,
            AcknowledgeReleaseCommand,
            CheckConfigurationCommand,
            TryConfigurationCommand,
            KeepConfigurationCommand,
            RollBackConfigurationCommand,
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
        """Stop. Can be called again."""
        self._stop.set()
        self._thread.join()
        self._control.close()

    def _keep(self, command: Command) -> Mapping[str, Any]:
        if self.refuses:
            raise CommandRejectedError(self.refuses, self.refuses_with)
        self.commands.append(command)
        return self.detail

    def _run(self) -> None:
        while not self._stop.wait(self._control.step()):
            continue
