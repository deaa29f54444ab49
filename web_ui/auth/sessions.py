"""Sessions in memory: who is logged in, and until when."""

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from web_ui.auth.accounts import Role

SESSION_TIMEOUT_S = {Role.ADMIN: 1800.0, Role.GUARD: 12 * 3600.0}
"""Since the last request. An admin may leave the desk, and a guard keeps the phone for a shift."""
MAX_SESSIONS = 256


@dataclass(slots=True)
class Session:
    """One login."""

    role: Role
    name: str
    """Of the guard. Empty for the administrator."""
    csrf_token: str
    """Every form of this session must contain it."""
    expires_s: float


class SessionStore:
    """Sessions by the hash of a random token, which only the browser has. A restart ends them. Any thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def create(self, role: Role, name: str = "") -> str:
        """A new session. Returns its token, always a new one: a token planted before the login is useless (session fixation).

        `name`: of the guard.
        """
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[_hash(token)] = Session(
                role, name, secrets.token_urlsafe(32), self._monotonic() + SESSION_TIMEOUT_S[role]
            )
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return token

    def find(self, token: str | None) -> Session | None:
        """The session of that token, prolonged. None if there is none or it has expired."""
        if not token:
            return None
        with self._lock:
            found = self._sessions.get(_hash(token))
            if found is None:
                return None
            if self._monotonic() > found.expires_s:
                del self._sessions[_hash(token)]
                return None
            found.expires_s = self._monotonic() + SESSION_TIMEOUT_S[found.role]
            return found

    def end(self, token: str | None) -> None:
        """Log out."""
        with self._lock:
            self._sessions.pop(_hash(token or ""), None)

    def end_all(self, role: Role, name: str = "") -> None:
        """End all sessions of the administrator, or of the guard of that name, after a change of the password or PIN."""
        with self._lock:
            ended = [key for key, one in self._sessions.items() if one.role is role and one.name == name]
            for key in ended:
                del self._sessions[key]


def _hash(token: str) -> bytes:
    return hashlib.blake2b(token.encode(), digest_size=16).digest()
