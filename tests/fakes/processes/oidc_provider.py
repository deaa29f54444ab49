"""A real OpenID Connect provider on this machine, in a process of its own: oidc-provider-mock, which any name may sign in at."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.fakes.processes.broker import free_port

READY_TIMEOUT_S = 20


@contextmanager
def running_provider(*options: str) -> Iterator[str]:
    """Yields its issuer address."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "1"]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr
            assert any("running on" in line.lower() for line in process.stderr), "the provider ended"
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


def sign_in_at(address: str, subject: str) -> str:
    """What a browser does there: it types a name, and is sent back. Returns the address that it is sent to."""
    answer = requests.post(address, data={"sub": subject}, allow_redirects=False, timeout=READY_TIMEOUT_S)
    assert answer.status_code in {302, 303}, answer.text
    return answer.headers["Location"]


def refuse_at(address: str) -> str:
    """The person presses Deny."""
    answer = requests.post(address, data={"action": "deny"}, allow_redirects=False, timeout=READY_TIMEOUT_S)
    return answer.headers["Location"]


def parameter(address: str, name: str) -> str:
    """The value of a parameter of an address."""
    found = re.search(rf"[?&]{name}=([^&]+)", address)
    assert found
    return found[1]
