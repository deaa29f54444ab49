"""A list that was signed offline, from `kiosk centre lists publish` to a device, over a real broker."""

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.centre.command import centre
from kiosk.credentials.trust.list_loader import ListLoader
from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.ingest.database import open_query
from mqtt.connection import OutgoingMessage
from mqtt.remote.lists import make_list_message
from tests.fakes.data import wire_schema
from tests.fakes.data.access_events import GATE
from tests.fakes.data.people import WORLD
from tests.fakes.processes.broker import Broker, Listener, publish
from tests.integration.remote.test_commands import Fleet
from tests.unit.kiosk.credentials.trust.test_signed_lists import STRANGER, deny_bytes, trust_bytes

A, B, C = b"a" * 10, b"b" * 10, b"c" * 10


def publish_list(folder: Path, database: str, data: bytes) -> Result:
    """`kiosk centre lists publish`."""
    (folder / "new.cose").write_bytes(data)
    given = [
        "--database",
        database,
        "lists",
        "publish",
        str(folder / "new.cose"),
        "--root-key",
        str(folder / "root.pem"),
    ]
    return CliRunner().invoke(centre, [*given, "--requested-by", "An", "--reason", "card 5 was lost"])


def start_lists(folder: Path) -> ListLoader:
    (folder / "root.pem").write_bytes(WORLD.root_pem)
    (folder / "trust.cose").write_bytes(trust_bytes(1))
    (folder / "deny.cose").write_bytes(deny_bytes(3, A))
    return ListLoader(
        trust_path=folder / "trust.cose", root_path=None, denylist_path=folder / "deny.cose", copies_dir=folder
    )


def test_lists_go_to_the_device_whole_and_as_what_changed_and_the_centre_knows_who_has_them(tmp_path: Path) -> None:
    database, lists = str(tmp_path / "centre.db"), start_lists(tmp_path)
    with Broker() as broker, Fleet(tmp_path, broker, database, lists=lists) as fleet:
        listener = Listener(broker.endpoint(), "entrance/v1/+/+/list/+")

        def numbers() -> dict[str, int]:
            (row,) = fleet.rows("SELECT lists FROM remote_device")
            found: dict[str, int] = json.loads(str(row["lists"]))
            return found

        assert publish_list(tmp_path, database, deny_bytes(4, A, B)).exit_code == 0
        fleet.until(lambda: numbers() == {"trust": 1, "deny": 4})
        done = publish_list(tmp_path, database, deny_bytes(5, B, C))
        assert "Kiosks with list 4 get what changed" in done.output
        fleet.until(lambda: numbers() == {"trust": 1, "deny": 5})
        assert lists.denylist is not None
        assert set(lists.denylist.entries) == {B, C}
        assert publish_list(tmp_path, database, trust_bytes(2)).exit_code == 0
        fleet.until(lambda: numbers() == {"trust": 2, "deny": 5})
        for _ in range(5):
            listener.look(0.1)
        listener.close()
        messages = [(topic, json.loads(payload)) for topic, payload in listener.messages]
        assert [(one["kind"], one["number"], one["base"]) for _, one in messages] == [
            ("deny", 4, None), ("deny", 5, 4), ("trust", 2, None),
        ]  # fmt: skip
        for topic, payload in listener.messages:
            wire_schema.check(topic, payload)
        with open_query(database) as query:
            assert [row.entry.what for row in read_audit(query, limit=3)] == ["publish-list"] * 3
        shown = CliRunner().invoke(centre, ["--database", database, "lists", "status", "--behind"])
        assert (shown.exit_code, shown.output) == (0, "Published: deny 5, trust 2\n")


def test_what_the_root_key_did_not_sign_is_not_in_force_and_the_centre_sees_why(tmp_path: Path) -> None:
    database, lists = str(tmp_path / "centre.db"), start_lists(tmp_path)
    forged = deny_bytes(9, B, root=STRANGER)
    with Broker() as broker, Fleet(tmp_path, broker, database, lists=lists) as fleet:
        for kind, digest, code in (
            ("deny", hashlib.sha256(forged).hexdigest(), "unusable"),
            ("deny", "0" * 64, "wrong-hash"),
        ):
            message = make_list_message("deny", 9, digest, forged)
            publish(broker.endpoint(), OutgoingMessage(GATE.list_topic(kind), message.to_payload()))
            fleet.until(lambda code=code: code in str(fleet.rows("SELECT list_errors FROM remote_device")))  # type: ignore[misc]
        assert lists.numbers == {"trust": 1, "deny": 3}


@pytest.mark.parametrize("data", [b"garbage", deny_bytes(9, B, root=STRANGER)])
def test_only_a_list_that_the_root_key_signed_is_published(tmp_path: Path, data: bytes) -> None:
    start_lists(tmp_path)
    done = publish_list(tmp_path, str(tmp_path / "centre.db"), data)
    assert (done.exit_code, "nothing was published" in done.output) == (1, True)


def test_an_older_or_equal_number_is_not_published(tmp_path: Path) -> None:
    start_lists(tmp_path)
    database = str(tmp_path / "centre.db")
    assert publish_list(tmp_path, database, deny_bytes(5, A)).exit_code == 0
    for number in (5, 4):
        done = publish_list(tmp_path, database, deny_bytes(number, B))
        assert "is not newer" in done.output
    with open_query(database) as query:
        assert len(read_audit(query)) == 1
