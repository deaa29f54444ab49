"""A person at a terminal: a command with a pseudo-terminal of its own, whose questions are answered as they appear."""

import codecs
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable, Mapping

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_BYTES = 65536


class Terminal:
    """One command. `read_until` and `finish` answer what `answers` knows: a pattern of the question, and what is typed."""

    def __init__(self, command: list[str], answers: Mapping[str, str]) -> None:
        self._answers = dict(answers)
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command], stdin=slave, stdout=slave, stderr=slave, close_fds=True
        )
        os.close(slave)
        self.text = ""
        """All that was shown, with its colours."""
        self._answered_to = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a read may end within a letter

    @property
    def plain(self) -> str:
        """All that was shown, without colours."""
        return _COLOURS.sub("", self.text).replace("\r\n", "\n")

    def type(self, answer: str) -> None:
        """Type a line."""
        self._answered_to = len(self.text)
        os.write(self._master, f"{answer}\n".encode())

    def read_until(self, pattern: str, timeout_s: float) -> None:
        """Until the pattern was shown. Raises AssertionError with all that was shown."""
        self._read(lambda: re.search(pattern, self.plain) is not None, timeout_s, f"never shown: {pattern}")
        assert re.search(pattern, self.plain), f"ended without: {pattern}\n{self.plain}"

    def finish(self, timeout_s: float) -> str:
        """Until the command ends. All that was shown. Raises AssertionError where it fails."""
        self._read(lambda: False, timeout_s, "does not end")
        status = self._process.wait(timeout_s)
        os.close(self._master)
        assert status == 0, f"status {status}\n{self.plain}"
        return self.plain

    def close(self) -> None:
        """End the command, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _read(self, is_enough: Callable[[], bool], timeout_s: float, what: str) -> None:
        ends_s = time.monotonic() + timeout_s
        while not is_enough():
            if time.monotonic() > ends_s:
                self._process.kill()
                raise AssertionError(f"{what}\n{self.plain}")
            if select.select([self._master], [], [], 0.2)[0]:
                try:
                    found = os.read(self._master, _BYTES)
                except OSError:  # EIO: the command has ended
                    return
                if not found:
                    return
                self.text += self._decoder.decode(found)
                self._answer()

    def _answer(self) -> None:
        """A question that was shown since the last answer."""
        shown = self.text[self._answered_to :]
        for question, answer in self._answers.items():
            if re.search(question, shown):
                self.type(answer)
                return
