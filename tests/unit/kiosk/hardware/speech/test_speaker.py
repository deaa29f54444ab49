"""The speaker: recordings of the site first, the volume of the hour, one line in the log for what is missing."""

import dataclasses
import logging
import os
import shutil
import wave
from array import array
from collections.abc import Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.config.volume_hours import VolumeHours, volume_percent
from kiosk.hardware.speech import synthesis
from kiosk.hardware.speech.player import AplayPlayer
from kiosk.hardware.speech.recordings import Recording, RecordingError, RecordingFolders, joined, read_recording
from kiosk.hardware.speech.speaker import POLL_INTERVAL_S, Speaker
from tests.fakes.data.status_snapshots import a_status, answers

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
RATE_HZ = 8000


def record(path: Path, value: int, rate_hz: int = RATE_HZ, channels: int = 1) -> None:
    """A WAV file with 100 equal samples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(array("h", [value] * 100 * channels).tobytes())


class FakePlayer:
    """A Player that remembers."""

    def __init__(self) -> None:
        self.played: list[Recording] = []

    def play(self, recording: Recording) -> None:
        self.played.append(recording)

    def close(self) -> None:
        self.played.clear()


class Gate:
    """A status that gets one more decision with each call of `answer`."""

    def __init__(self) -> None:
        self.count = 1

    def read(self) -> Mapping[str, Any]:
        shown = answers(NOW, 0.1)[: self.count]
        newest = dataclasses.replace(shown[-1], at=NOW.isoformat())
        return dataclasses.asdict(a_status(now=NOW, recent_decisions=(*shown[:-1], newest)))


def a_speaker(
    folders: list[Path], player: FakePlayer, *, languages: tuple[str, ...] = ("vi",), percent: int = 100
) -> Speaker:
    return Speaker(RecordingFolders(folders), player, languages, volume_percent=lambda at: percent)


def refusal(folder: Path, language: str, value: int) -> None:
    record(folder / language / "outcome.fail.wav", value)
    record(folder / language / "reason.expired.wav", value)


def test_a_refusal_is_the_outcome_a_pause_and_the_reason_from_the_sites_own_folder(tmp_path: Path) -> None:
    own, shipped, player, gate = tmp_path / "own", tmp_path / "shipped", FakePlayer(), Gate()
    refusal(shipped, "vi", 100)
    record(own / "vi" / "outcome.fail.wav", 7)
    speaker = a_speaker([own, shipped], player)
    assert speaker.step(gate.read, NOW) == POLL_INTERVAL_S
    gate.count = 2
    speaker.step(gate.read, NOW)
    (played,) = player.played
    samples = array("h", played.samples)
    assert (samples[0], samples[100], samples[-1]) == (7, 0, 100)
    assert len(samples) == 200 + 0.4 * RATE_HZ


def test_both_languages_are_said_and_quieter_at_night(tmp_path: Path) -> None:
    player, gate = FakePlayer(), Gate()
    refusal(tmp_path, "vi", 1000)
    refusal(tmp_path, "en", 500)
    speaker = a_speaker([tmp_path], player, languages=("vi", "en"), percent=20)
    speaker.step(gate.read, NOW)
    gate.count = 2
    speaker.step(gate.read, NOW)
    assert [value for value in array("h", player.played[0].samples) if value][:1] == [200]
    assert array("h", player.played[0].samples)[-1] == 100


def test_a_volume_of_zero_is_silence(tmp_path: Path) -> None:
    player, gate = FakePlayer(), Gate()
    refusal(tmp_path, "vi", 1000)
    speaker = a_speaker([tmp_path], player, percent=0)
    speaker.step(gate.read, NOW)
    gate.count = 2
    speaker.step(gate.read, NOW)
    assert player.played == []


def test_a_missing_recording_is_logged_once_and_a_new_file_is_used_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    player, gate = FakePlayer(), Gate()
    speaker = a_speaker([tmp_path], player)
    speaker.step(gate.read, NOW)
    with caplog.at_level(logging.ERROR):
        for gate.count in (2, 5):
            speaker.step(gate.read, NOW)
    assert len(caplog.records) == 1
    assert "outcome.fail.wav" in caplog.text
    record(tmp_path / "vi" / "outcome.pass.in.wav", 5)
    gate.count = 6
    speaker.step(gate.read, NOW)
    assert len(player.played) == 1


@pytest.mark.parametrize("content", [b"", b"RIFF", b"\0" * 100, b"RIFF\x24\0\0\0WAVEfmt "])
def test_a_file_that_is_no_recording_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"x\.wav"):
        read_recording(path)


def test_stereo_and_different_rates_are_refused_in_words(tmp_path: Path) -> None:
    record(tmp_path / "stereo.wav", 1, channels=2)
    with pytest.raises(RecordingError, match="mono"):
        read_recording(tmp_path / "stereo.wav")
    with pytest.raises(RecordingError, match="different rates"):
        joined([Recording(b"\0\0", 8000), Recording(b"\0\0", 16000)], 100)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50), st.integers(0, 100))
def test_no_volume_overflows(values: list[int], percent: int) -> None:
    found = array("h", joined([Recording(array("h", values).tobytes(), 8000)], percent).samples)
    assert all(abs(new) <= abs(old) for new, old in zip(found, values, strict=True))


def test_the_first_hours_that_contain_the_time_decide() -> None:
    hours = [VolumeHours.parse("22:00-06:00 20"), VolumeHours.parse("12:00-13:00 50%")]
    found = [volume_percent(time(hour, 0), 80, hours) for hour in (21, 22, 3, 6, 12, 13)]
    assert found == [80, 20, 20, 80, 50, 80]


@given(st.text(max_size=20))
def test_hours_that_cannot_be_read_are_a_value_error(text: str) -> None:
    try:
        found = VolumeHours.parse(text)
    except ValueError:
        return
    assert 0 <= found.percent <= 100


def test_the_player_gives_the_samples_to_the_program_and_a_new_announcement_ends_the_old_one(tmp_path: Path) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    program = tmp_path / "aplay"
    program.write_text(f'#!/bin/sh\necho "$$ $(wc -c) $*" > {started}\nexec sleep 600\n', encoding="utf-8")
    program.chmod(0o755)
    player = AplayPlayer("plughw:0", str(program))
    player.play(Recording(b"\1\0" * 300_000, 22050))
    process, count, *arguments = started.read_text(encoding="utf-8").split()
    assert count == "600000"
    assert " ".join(arguments) == "-q -D plughw:0 -t raw -f S16_LE -c 1 -r 22050"
    player.play(Recording(b"\2\0", 22050))
    with pytest.raises(ProcessLookupError):
        os.kill(int(process), 0)
    started.read_text(encoding="utf-8")
    player.close()


def test_the_words_of_the_sound_system_are_an_error_and_a_missing_program_says_what_to_install(tmp_path: Path) -> None:
    program = tmp_path / "aplay"
    program.write_text("#!/bin/sh\necho 'no such card' >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    player = AplayPlayer("default", str(program))
    player.play(Recording(b"\1\0", 22050))
    with pytest.raises(RecordingError, match="no such card"):
        player.wait(30.0)
    with pytest.raises(RecordingError, match="apt install alsa-utils"):
        AplayPlayer("default", str(tmp_path / "missing")).play(Recording(b"\1\0", 22050))


@pytest.mark.skipif(shutil.which(synthesis.PROGRAM) is None, reason="there is no espeak-ng")
@pytest.mark.parametrize("language", ["vi", "en"])
def test_espeak_makes_every_recording_once_and_keeps_those_of_a_person(tmp_path: Path, language: str) -> None:
    own = tmp_path / language / "outcome.fail.wav"
    record(own, 42, rate_hz=22050)
    before = own.read_bytes()
    said: list[str] = []
    count = synthesis.make_recordings(tmp_path, language, said.append)
    assert count == len(said) - 1 == len(list((tmp_path / language).iterdir())) - 1
    assert own.read_bytes() == before
    recordings = [read_recording(path) for path in (tmp_path / language).iterdir()]
    assert {one.rate_hz for one in recordings} == {22050}
    assert synthesis.make_recordings(tmp_path, language, said.append) == 0


def test_without_espeak_the_error_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="apt install espeak-ng"):
        synthesis.make_recordings(tmp_path, "vi", print, program=str(tmp_path / "missing"))
