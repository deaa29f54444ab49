"""Follows the status of the daemon and says each answer. It runs in a process of its own: the gate never waits for sound."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time
from typing import Any

from kiosk.hardware.speech.announcements import Announcer
from kiosk.hardware.speech.player import Player
from kiosk.hardware.speech.recordings import RecordingError, RecordingFolders, joined

log = logging.getLogger(__name__)
POLL_INTERVAL_S = 0.05


class Speaker:
    """One loudspeaker. One thread calls `step`."""

    def __init__(
        self,
        folders: RecordingFolders,
        player: Player,
        languages: Sequence[str],
        *,
        volume_percent: Callable[[time], int],
    ) -> None:
        """Each announcement is said in all `languages`, in their order. `volume_percent`: at a local time, 0 is silence."""
        self._folders = folders
        self._player = player
        self._languages = tuple(languages)
        self._volume_percent = volume_percent
        self._announcer = Announcer()
        self._complaint = ""

    def step(self, read_status: Callable[[], Mapping[str, Any] | None], local: datetime) -> float:
        """Say what is new. `local`: the present moment in the site's time zone. Returns seconds until the next call."""
        announcement = self._announcer.next(read_status(), local)
        percent = self._volume_percent(local.time())
        if announcement and percent:
            self._say(announcement, percent)
        return POLL_INTERVAL_S

    def _say(self, announcement: Sequence[str], percent: int) -> None:
        try:
            recordings = [
                self._folders.find(message, language) for language in self._languages for message in announcement
            ]
            self._player.play(joined(recordings, percent))
        except RecordingError as error:
            if str(error) != self._complaint:  # once: it would be repeated for every person
                log.error("an answer was not said: %s", error)
            self._complaint = str(error)
        else:
            self._complaint = ""
