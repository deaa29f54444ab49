"""A list that fits no message: the centre sends its address, and the device gets it by HTTPS with its own certificate."""

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.centre.command import centre as centre_command
from kiosk.credentials.trust.list_loader import ListLoader
from kiosk.delivery.remote.https_fetch import HttpsFetch
from kiosk.delivery.remote.list_download import DownloadError, ListDownload
from kiosk.system.clock import SystemClock
from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from mqtt.centre.ingest.database import open_query
from mqtt.centre.remote.lists import read_list
from mqtt.centre.remote.schema import prepare_remote
from tests.fakes.centre.enrolment import EnrolmentCentre
from tests.fakes.data.access_events import GATE
from tests.fakes.processes.broker import Broker
from tests.integration.remote.test_commands import Fleet
from tests.integration.remote.test_lists import publish_list, start_lists
from tests.unit.kiosk.credentials.trust.test_signed_lists import deny_bytes

LARGE = deny_bytes(9, *(random.Random(n).randbytes(10) for n in range(6_000)))


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnrolmentCentre]:
    folder = tmp_path_factory.mktemp("centre")
    made = EnrolmentCentre(folder, str(folder / "centre.db"))
    prepare_remote(made.database)
    made.authority.issue(GATE.wire_name, CertificateUse.CLIENT, datetime.now(UTC), 30)
    with made.served():
        yield made


def fetch_of(centre: EnrolmentCentre, *, with_certificate: bool = True) -> HttpsFetch:
    stem = centre.pki / f"{GATE.site}.{GATE.device}"
    files = (
        (stem.with_name(f"{stem.name}.pem"), stem.with_name(f"{stem.name}.key")) if with_certificate else (None, None)
    )
    return HttpsFetch(centre.pki / "ca.pem", *files)


def read_from(fetch: HttpsFetch, url: str, first_byte: int = 0) -> tuple[int, bytes]:
    with fetch(url, first_byte) as answer:
        return answer.begins_at, b"".join(answer.chunks)


def test_a_list_above_the_size_of_a_message_is_downloaded_and_in_force(centre: EnrolmentCentre, tmp_path: Path) -> None:
    lists: ListLoader = start_lists(tmp_path)
    with (
        Broker() as broker,
        Fleet(tmp_path, broker, centre.database, lists=lists, list_url=f"{centre.url}/lists") as fleet,
    ):
        assert fleet.receiver is not None
        download = ListDownload(tmp_path, fetch_of(centre), fleet.receiver, SystemClock())
        fleet.receiver.download = download
        assert publish_list(tmp_path, centre.database, LARGE).exit_code == 0

        def is_in_force() -> bool:
            download.step()
            return lists.numbers == {"trust": 1, "deny": 9}

        fleet.until(is_in_force)
        fleet.until(lambda: '"deny": 9' in str(fleet.rows("SELECT lists FROM remote_device")))
    assert not list(tmp_path.glob("*.part"))


def test_the_service_gives_a_list_from_any_byte_on_to_devices_only(centre: EnrolmentCentre, tmp_path: Path) -> None:
    start_lists(tmp_path)
    publish_list(tmp_path, centre.database, LARGE)
    url = f"{centre.url}/lists/deny-9.cose"
    with open_query(centre.database) as query:
        assert read_list(query, "deny", 9) == LARGE
    assert read_from(fetch_of(centre), url) == (0, LARGE)
    begins_at, rest = read_from(fetch_of(centre), url, 50_000)
    assert (begins_at, hashlib.sha256(LARGE[:50_000] + rest).digest()) == (50_000, hashlib.sha256(LARGE).digest())
    for wrong in (f"{centre.url}/lists/deny-8.cose", f"{centre.url}/lists/../ca.key", f"{centre.url}/lists/x"):
        with pytest.raises(DownloadError, match="404"):
            read_from(fetch_of(centre), wrong)
    with pytest.raises(DownloadError, match="403"):
        read_from(fetch_of(centre, with_certificate=False), url)


def test_the_lists_are_exported_for_any_static_server(centre: EnrolmentCentre, tmp_path: Path) -> None:
    start_lists(tmp_path)
    publish_list(tmp_path, centre.database, LARGE)
    (tmp_path / "out").mkdir()
    done = CliRunner().invoke(centre_command, ["--database", centre.database, "lists", "export", str(tmp_path / "out")])
    assert (done.exit_code, done.output) == (0, f"{tmp_path}/out/deny-9.cose\n")
    assert (tmp_path / "out" / "deny-9.cose").read_bytes() == LARGE


def test_a_server_with_a_certificate_of_another_authority_gets_nothing(centre: EnrolmentCentre, tmp_path: Path) -> None:
    CertificateAuthority.create(tmp_path / "other", "other", datetime.now(UTC))
    with pytest.raises(DownloadError, match="certificate"):
        read_from(HttpsFetch(tmp_path / "other" / "ca.pem", None, None), f"{centre.url}/lists/deny-9.cose")
