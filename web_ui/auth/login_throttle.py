"""Slows guesses of passwords: each attempt is counted before its secret is compared."""

import ipaddress
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

FREE_ATTEMPTS = 3
"""Attempts of one address that are compared without a delay."""
FIRST_DELAY_S = 15.0
MAX_DELAY_S = 300.0
FORGET_AFTER_S = 3600.0
"""Failures of an address are forgotten this long after its last attempt."""
MAX_ADDRESSES = 4096
MAX_ACCOUNT_FAILURES = 30
ACCOUNT_WINDOW_S = 600.0
"""After that many failures of one account in this time, an address gets one free attempt instead of three."""
IPV6_PREFIX_BITS = 64
"""One subscriber has this network at least, and can use each of its addresses (RFC 6177)."""


@dataclass(slots=True)
class _Attempts:
    """What one address tried without success."""

    last_s: float
    accounts: Counter[str] = field(default_factory=Counter)


class LoginThrottle:
    """Delays between the attempts of one address. Any thread.

    An address without a failure never waits, whatever other addresses do. So guesses at an account cannot lock anyone out.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._attempts: OrderedDict[str, _Attempts] = OrderedDict()
        self._account_failures: dict[str, deque[float]] = {}

    def begin(self, address: str, account: str) -> float:
        """Count an attempt before its secret is compared. Returns 0, or the seconds to wait: then nothing was counted.

        `account`: one of a few fixed names. All of an address count together, so that each guess delays all of them.
        """
        key = client_network(address)
        with self._lock:
            now_s = self._monotonic()
            self._forget(now_s)
            found = self._attempts.get(key)
            if found is not None:
                wait_s = self._delay_s(found.accounts.total(), account, now_s) - (now_s - found.last_s)
                if wait_s > 0:
                    return wait_s
            else:
                found = self._attempts[key] = _Attempts(now_s)
            found.last_s = now_s
            found.accounts[account] += 1
            self._attempts.move_to_end(key)
            self._account_failures.setdefault(account, deque(maxlen=MAX_ACCOUNT_FAILURES)).append(now_s)
            return 0.0

    def succeed(self, address: str, account: str) -> None:
        """The secret was right: the failures of the address at this account are deleted, those at others stay."""
        key = client_network(address)
        with self._lock:
            found = self._attempts.get(key)
            if found is None:
                return
            del found.accounts[account]
            if not found.accounts:
                del self._attempts[key]
            if self._account_failures.get(account):
                self._account_failures[account].pop()

    def _delay_s(self, count: int, account: str, now_s: float) -> float:
        failures = self._account_failures.get(account)
        guessed = failures and len(failures) == MAX_ACCOUNT_FAILURES and now_s - failures[0] < ACCOUNT_WINDOW_S
        over = count - (1 if guessed else FREE_ATTEMPTS)
        return min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** min(over, 16)) if over >= 0 else 0.0

    def _forget(self, now_s: float) -> None:
        """Delete old addresses, and the oldest ones beyond the limit."""
        while self._attempts:
            oldest = next(iter(self._attempts.values()))
            if len(self._attempts) < MAX_ADDRESSES and now_s - oldest.last_s < FORGET_AFTER_S:
                return
            self._attempts.popitem(last=False)


def client_network(address: str) -> str:
    """What counts as one address: an IPv4 address, or an IPv6 network of 64 bits. A text that is no address stands for itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network(f"{found}/{IPV6_PREFIX_BITS}", strict=False))
