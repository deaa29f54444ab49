"""The volume by the hour: full by day, quieter at night; pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

_FORM = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d) (\d{1,3})%?")


@dataclass(frozen=True, slots=True)
class VolumeHours:
    """A volume for some hours of each day, local time."""

    begins: time
    ends: time
    """Earlier than `begins` if the hours end on the next day."""
    percent: int

    @classmethod
    def parse(cls, text: str) -> "VolumeHours":
        """Read `22:00-06:00 20`. Raises ValueError with a sentence."""
        found = _FORM.fullmatch(text.strip())
        if not found or int(found[5]) > 100:
            raise ValueError(f"{text!r} is not like '22:00-06:00 20': hours, then a volume of 0 to 100")
        return cls(time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4])), int(found[5]))

    def contains(self, at: time) -> bool:
        """Whether these hours hold at this local time."""
        if self.begins < self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends


def volume_percent(at: time, usual_percent: int, hours: Sequence[VolumeHours]) -> int:
    """The first hours that contain the time decide, else the usual volume."""
    return next((one.percent for one in hours if one.contains(at)), usual_percent)
