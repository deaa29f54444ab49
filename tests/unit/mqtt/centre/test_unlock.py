"""A file that is locked with a password opens on a busy machine too."""

import pyrage
import pytest

from mqtt.centre.backup.encrypted_file import UNLOCK_ATTEMPTS, unlock
from mqtt.centre.backup.records import CopyError


class BusyMachine:
    """Its measurement of itself is too slow so many times."""

    def __init__(self, times: int, words: str = "Excessive work parameter for passphrase.") -> None:
        self.left, self.words = times, words

    def decrypt(self, content: bytes, _password: str) -> bytes:
        self.left -= 1
        if self.left >= 0:
            raise pyrage.DecryptError(self.words)
        return content


def test_a_machine_that_is_busy_for_a_moment_opens_it() -> None:
    assert unlock(b"key", "word", BusyMachine(UNLOCK_ATTEMPTS - 1).decrypt) == b"key"


def test_a_machine_that_stays_too_slow_says_so_and_does_not_blame_the_password() -> None:
    with pytest.raises(CopyError, match="too busy or too slow"):
        unlock(b"key", "word", BusyMachine(UNLOCK_ATTEMPTS).decrypt)


def test_a_wrong_password_is_tried_once() -> None:
    machine = BusyMachine(9, "Decryption failed")
    with pytest.raises(pyrage.DecryptError):
        unlock(b"key", "word", machine.decrypt)
    assert machine.left == 8


def test_what_pyrage_locked_it_opens_and_a_wrong_password_does_not() -> None:
    locked = pyrage.passphrase.encrypt(b"key", "word")
    assert unlock(locked, "word") == b"key"
    with pytest.raises(pyrage.DecryptError):
        unlock(locked, "other")
