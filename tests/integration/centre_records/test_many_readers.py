"""Many people watch from one office, or through one proxy: all of them are answered, over TLS too."""

import http.client
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from tests.fakes.centre.city import make_city
from tests.paths import PROJECT

PEOPLE = 40
"""More than a kiosk allows one address. `make bench BENCH_ARGS=centre` has 200."""


@contextmanager
def served(folder: Path, *options: str) -> Iterator[int]:
    """A real `kiosk centre web`. Yields its port."""
    command = [sys.executable, "-m", "kiosk.cli", "centre", "--database", str(folder / "city.db"), "web", "--port", "0"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        try:
            assert process.stdout
            found = re.search(r":(\d+)/", process.stdout.readline())
            assert found
            yield int(found[1])
        finally:
            process.terminate()


@pytest.mark.parametrize("secure", [False, True], ids=["behind a proxy", "with TLS"])
def test_all_people_of_one_office_are_answered(tmp_path: Path, secure: bool) -> None:
    make_city(str(tmp_path / "city.db"), datetime.now(UTC))
    options: tuple[str, ...] = ()
    context = None
    if secure:
        authority = CertificateAuthority.create(tmp_path, "test authority", datetime.now(UTC))
        authority.issue("web", CertificateUse.SERVER, datetime.now(UTC), 30, ["127.0.0.1"])
        options = ("--certificate", str(tmp_path / "web.pem"), "--key", str(tmp_path / "web.key"))
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    with served(tmp_path, *options) as port, ExitStack() as stack:
        connections = []
        for _ in range(PEOPLE):
            connection = (
                http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
                if context
                else http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            )
            stack.callback(connection.close)
            connections.append(connection)
        for connection in connections:  # each browser keeps its connection
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"ok\n")
