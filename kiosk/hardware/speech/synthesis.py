"""Makes recordings of all announcements with espeak-ng, for sites without recordings of their own."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from kiosk.hardware.speech.announcements import all_messages
from kiosk.hardware.speech.recordings import RecordingError
from kiosk.system.translations import translator

PROGRAM = "espeak-ng"
VOICES = {"vi": "vi-vn-x-central", "en": "en-gb"}
"""Of espeak-ng. Its name for the Vietnamese of the centre is vi-hue."""
WORDS_PER_MINUTE = "150"


def make_recordings(folder: Path, language: str, say: Callable[[str], object], program: str = PROGRAM) -> int:
    """Write one WAV file for each message below FOLDER/LANGUAGE. Returns their number. `say` gets one line for each.

    Files that exist stay as they are: a site's own recording is never overwritten. Raises RecordingError.
    """
    if shutil.which(program) is None:
        raise RecordingError(f"there is no {program}. Install it: sudo apt install {PROGRAM}")
    target = folder / language
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    for message, text in spoken_texts(language):
        path = target / f"{message}.wav"
        if path.exists():
            say(f"{path.name} is kept")
            continue
        command = [program, "-v", VOICES.get(language, language), "-s", WORDS_PER_MINUTE, "-w", str(path), "--", text]
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        if result.returncode:
            raise RecordingError(f"{program}: {result.stderr.strip()[-200:]}")
        say(f"{path.name}: {text}")
        count += 1
    return count


def spoken_texts(language: str) -> Iterator[tuple[str, str]]:
    """Each message with the sentence of the catalogue."""
    t = translator(language)
    for message in dict.fromkeys(all_messages()):
        yield message, t(message)
