"""Measures spoken answers with the real program: from a published decision to the samples at aplay, and the memory it takes.

A small program stands in for aplay. It notes when its first samples arrive, and plays nothing. What a loudspeaker adds is not
measured.
"""

import dataclasses
import os
import stat
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from kiosk.core.model import DeviceState
from kiosk.hardware.speech.announcements import all_messages
from kiosk.simulation.sandbox import temporary_sandbox
from tests.benchmarks.pages import MEGABYTE
from tests.fakes.data.status_snapshots import a_status, answers, publish

APLAY = """\
#!{python}
import os, sys, threading, time
os.read(0, 4096)
with open({log!r}, "a") as log:
    print(time.time() * 1000, file=log)
threading.Event().wait(0.05)
"""
POLL_S = 0.002
_pause = threading.Event()


@dataclasses.dataclass(frozen=True, slots=True)
class SpokenAnswers:
    """What was measured."""

    to_sound_ms: list[float]
    speaker_mb: float
    """Proportional set size of the speaking process. The daemon itself does nothing more: the speaker reads its status."""


def measure_speech(rounds: int) -> SpokenAnswers:
    """Publish decisions, one after the other, and wait for the sound of each."""
    with temporary_sandbox() as sandbox:
        folder = sandbox.folder
        log = folder / "played"
        log.touch()
        _make_aplay(folder / "bin", log)
        _make_recordings(folder / "speech" / "vi")
        config = folder / "speech.toml"
        text = sandbox.config_file.read_text(encoding="utf-8")
        config.write_text(f'{text}\n[speech]\nlanguages = ["vi"]\nfolder = "{folder}/speech"\n', encoding="utf-8")
        run_dir = _run_dir(config)
        publish(run_dir, a_status(recent_decisions=()))
        with _speaking(config, folder / "bin") as pid:
            found = list(_latencies_ms(run_dir, log, rounds))
            return SpokenAnswers(found, _proportional_mb(pid))


def _run_dir(config: Path) -> Path:
    from kiosk.config.loader import load_settings

    run_dir = load_settings(config).run_dir
    run_dir.mkdir(parents=True, exist_ok=True)
    return run_dir


def _latencies_ms(run_dir: Path, log: Path, rounds: int) -> Iterator[float]:
    for number in range(1, rounds + 2):
        played = len(log.read_text(encoding="ascii").split())
        now = datetime.now(UTC)
        decision = dataclasses.replace(answers(now, 0.0)[-1], number=number, at=now.isoformat())
        published_ms = time.time() * 1000
        publish(run_dir, a_status(DeviceState.READY, now=now, recent_decisions=(decision,)))
        ends_s = time.monotonic() + 10
        while len(lines := log.read_text(encoding="ascii").split()) == played and time.monotonic() < ends_s:
            _pause.wait(POLL_S)
        if number > 1:  # the first one also waits for the start of the program
            yield float(lines[-1]) - published_ms
        _pause.wait(0.2)


@contextmanager
def _speaking(config: Path, programs: Path) -> Iterator[int]:
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "kiosk.cli", "speak", "--config", str(config)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        while "speaks" not in (line := process.stderr.readline()):
            assert line, "kiosk speak ended"
        _pause.wait(0.5)  # it has seen the status of before
        try:
            yield process.pid
        finally:
            process.terminate()


def _make_aplay(folder: Path, log: Path) -> None:
    folder.mkdir()
    program = folder / "aplay"
    program.write_text(APLAY.format(python=sys.executable + " -S", log=str(log)), encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def _make_recordings(folder: Path) -> None:
    """A second of silence for each message, as long as an average sentence."""
    folder.mkdir(parents=True)
    for message in all_messages():
        with wave.open(str(folder / f"{message}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(22_050)
            file.writeframes(bytes(2 * 22_050))


def _proportional_mb(pid: int) -> float:
    """PSS: memory that other processes share counts in parts."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(text.split("\nPss:")[1].split()[0]) * 1024 / MEGABYTE
