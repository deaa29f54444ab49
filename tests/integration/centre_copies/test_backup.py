"""Backup, verification and restore of a centre, between SQLite and PostgreSQL in every direction."""

import re
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest

from mqtt.centre.accounts.audit import verify_audit
from mqtt.centre.backup.tables import prepare_all
from mqtt.centre.ingest.database import open_ledger, open_query
from tests.fakes.data.access_events import START_AT, an_event
from tests.fakes.data.arrivals import arrival_of
from tests.integration.centre_copies.conftest import Ask, fill
from tests.paths import PROJECT


def made(result: Any) -> Path:
    """The file that a backup has printed."""
    assert result.exit_code == 0, result.output
    found = re.search(r"^(.*\.age): ", result.stdout, re.MULTILINE)
    assert found
    return Path(found[1])


def content(database: str) -> dict[str, list[dict[str, Any]]]:
    """What both kinds of database answer alike."""
    with open_query(database) as query:
        return {
            "ranges": query("SELECT site, device.device, device.epoch, stream.epoch AS e, first_seq, last_seq, duplicates "
                            "FROM seq_range JOIN stream ON stream.number = stream JOIN device ON device.number = stream.device "
                            "ORDER BY site, device.device, e, first_seq"),
            "events": query("SELECT seq, outcome, reason, direction, pseudonym, monotonic_s FROM event ORDER BY stream, seq"),
            "audit": query("SELECT * FROM audit ORDER BY number"),
            "head": query("SELECT * FROM audit_head"),
            "areas": query("SELECT * FROM area ORDER BY number"),
            "sites": query("SELECT * FROM site ORDER BY site"),
            "accounts": query("SELECT * FROM account ORDER BY name"),
            "roles": query("SELECT * FROM account_role ORDER BY account"),
            "hours": query("SELECT device, direction, result, reason, n FROM hourly ORDER BY device, hour, direction, result"),
        }  # fmt: skip


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
def test_a_restored_centre_has_the_same_rows_ranges_and_audit(
    source: str, target: str, ask: Ask, tmp_path: Path, fresh: Callable[[str], str]
) -> None:
    path = made(ask(source, "backup"))
    restored = str(tmp_path / "restored.db") if target == "sqlite" else fresh("target")
    done = ask(restored, "restore", str(path))
    assert done.exit_code == 0, done.output
    assert "same rows, ranges and audit" in done.output
    assert content(restored) == content(source)
    with open_query(restored) as query:
        assert list(verify_audit(query)) == []
        assert query("SELECT count(*) AS n FROM web_session") == [{"n": 0}]


@pytest.mark.parametrize("target", ["sqlite", "postgres"])
def test_a_restored_centre_goes_on_where_the_lost_one_was(
    source: str, target: str, ask: Ask, tmp_path: Path, fresh: Callable[[str], str]
) -> None:
    path = made(ask(source, "backup"))
    restored = str(tmp_path / "restored.db") if target == "sqlite" else fresh("target")
    assert ask(restored, "restore", str(path)).exit_code == 0
    later = START_AT + timedelta(hours=1)
    with closing(open_ledger(restored)) as ledger:  # a known event, one of the gap, and a new one
        ledger.record([arrival_of([(5, an_event(5)), (100, an_event(100)), (302, an_event(302))], later)])
    with open_query(restored) as query:
        ranges = query("SELECT first_seq, last_seq, duplicates FROM seq_range JOIN stream ON stream.number = stream "
                       "WHERE epoch = '0123456789abcdef' ORDER BY first_seq")  # fmt: skip
    assert [(row["first_seq"], row["last_seq"], row["duplicates"]) for row in ranges] == [(1, 100, 2), (120, 302, 2)]


def test_a_database_with_rows_is_never_overwritten(source: str, ask: Ask, tmp_path: Path) -> None:
    path = made(ask(source, "backup"))
    before = content(source)
    done = ask(source, "restore", str(path))
    assert done.exit_code == 1
    assert "is not empty" in done.output
    assert content(source) == before


def test_a_verification_says_what_is_in_a_backup(source: str, ask: Ask) -> None:
    done = ask(source, "verify-backup", str(made(ask(source, "backup"))))
    assert done.exit_code == 0, done.output
    assert "285 events in 2 streams, 285 in ranges of numbers" in done.output
    assert "1 areas, 1 accounts, 5 rows of audit" in done.output


class TestDamage:
    """On SQLite alone: the file of a backup is the same for both."""

    @pytest.fixture
    def path(self, ask: Ask, tmp_path: Path) -> Path:
        fill(str(tmp_path / "centre.db"))
        return made(ask(str(tmp_path / "centre.db"), "backup"))

    def test_any_flipped_byte_is_found_and_nothing_is_restored(self, path: Path, ask: Ask, tmp_path: Path) -> None:
        whole = path.read_bytes()
        for position in (0, 30, len(whole) // 3, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
            done = ask(str(tmp_path / "restored.db"), "restore", str(path))
            assert done.exit_code == 1
            assert "damaged" in done.output
            assert "Traceback" not in done.output
            assert list(tmp_path.glob("*restored*")) == list(tmp_path.glob(".restored*")) == []

    @pytest.mark.parametrize("part", [0, 0.3, 0.9, 0.999])
    def test_a_backup_that_was_cut_off_is_found(self, path: Path, part: float, ask: Ask, tmp_path: Path) -> None:
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * part)])
        done = ask(str(tmp_path / "restored.db"), "restore", str(path))
        assert done.exit_code == 1
        assert not (tmp_path / "restored.db").exists()

    def test_a_locked_key_opens_with_its_password_alone(self, path: Path, ask: Ask, backup_keys: Path) -> None:
        key, password = backup_keys / "backup.key", backup_keys / "password"
        plain = key.read_text(encoding="ascii").splitlines()[1]
        key.write_bytes(pyrage.passphrase.encrypt(plain.encode(), "mot-mat-khau-dai"))
        for text, exit_code in (("another-password", 1), ("mot-mat-khau-dai", 0)):
            password.write_text(text, encoding="utf-8")
            done = ask("", "verify-backup", str(path), "--password-file", str(password))
            assert done.exit_code == exit_code, done.output
            assert exit_code == 0 or "wrong password, or another file" in done.output

    @pytest.mark.parametrize("content", ["", "AGE-SECRET-KEY-1X", "-----BEGIN PRIVATE KEY-----", "\u00e9"])
    def test_a_file_that_is_no_key_gets_a_sentence(self, path: Path, ask: Ask, backup_keys: Path, content: str) -> None:
        (backup_keys / "backup.key").write_text(content, encoding="utf-8")
        assert "wrong password, or another file" in ask("", "verify-backup", str(path)).output

    def test_another_key_opens_nothing(self, path: Path, ask: Ask, backup_keys: Path) -> None:
        (backup_keys / "backup.key").write_text(str(pyrage.x25519.Identity.generate()), encoding="ascii")
        assert "for another key" in ask("", "verify-backup", str(path)).output

    def test_neither_names_nor_rows_can_be_read_in_the_file(self, path: Path) -> None:
        whole = path.read_bytes()
        assert whole.startswith(b"age-encryption.org/v1\n")
        for word in ("Lê Văn Tám", "dong-ba", "gate-1"):
            assert word.encode() not in whole

    def test_a_copy_of_a_release_with_other_tables_is_refused_with_its_release(
        self, path: Path, ask: Ask, tmp_path: Path
    ) -> None:
        with open_query(str(tmp_path / "centre.db")) as query:
            query("UPDATE schema_part SET version = version + 1 WHERE part = 'subscriptions'")
            query("INSERT INTO schema_part VALUES ('of-another-release', 3)")
        other = made(ask(str(tmp_path / "centre.db"), "backup", "--folder", str(tmp_path / "other")))
        done = ask(str(tmp_path / "restored.db"), "restore", str(other))
        assert done.exit_code == 1
        assert "Install release" in done.output
        assert path.exists()


def test_files_come_back_without_private_keys_and_nothing_is_overwritten(ask: Ask, tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    folder = machine / "etc/entrance-centre"
    folder.mkdir(parents=True)
    (folder / "centre.toml").write_text('name = "centre-1"\n', encoding="utf-8")
    (folder / "receivers.toml").write_text("# none\n", encoding="utf-8")
    (folder / "centre.key").write_text("-----BEGIN PRIVATE KEY-----\nsecret\n", encoding="ascii")
    (folder / "both.pem").write_text("-----BEGIN PRIVATE KEY-----\nsecret\n", encoding="ascii")
    fill(str(tmp_path / "centre.db"))
    path = made(ask(str(tmp_path / "centre.db"), "backup"))
    for name in ("centre.toml", "centre.key", "both.pem"):
        (folder / name).unlink()
    (folder / "receivers.toml").write_text("# mine\n", encoding="utf-8")
    done = ask(str(tmp_path / "restored.db"), "restore", str(path))
    assert done.exit_code == 0, done.output
    assert (folder / "centre.toml").read_text(encoding="utf-8") == 'name = "centre-1"\n'
    assert (folder / "receivers.toml").read_text(encoding="utf-8") == "# mine\n"
    assert "receivers.toml: differs from the backup, and stays" in done.output
    assert "/etc/entrance-centre/centre.key: this private key is missing" in done.output
    assert "/etc/entrance-centre/both.pem: this private key is missing" in done.output
    assert sorted(each.name for each in folder.iterdir()) == ["centre.toml", "receivers.toml"]


def test_old_backups_are_deleted_and_other_files_stay(ask: Ask, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in ("centre-20250101T000000Z.age", "centre-20250102T000000Z.age", "notes.age", "centre-mine.age"):
        (folder / name).touch()
    fill(str(tmp_path / "centre.db"))
    newest = made(ask(str(tmp_path / "centre.db"), "backup", "--keep", "2"))
    kept = {each.name for each in folder.iterdir()}
    assert kept == {newest.name, "centre-20250102T000000Z.age", "notes.age", "centre-mine.age"}


def test_no_part_of_the_database_is_left_out_of_a_backup(tmp_path: Path) -> None:
    """A part whose tables are made later would be unknown to the machine on which a backup is restored."""
    sources = [path.read_text(encoding="utf-8") for path in (PROJECT / "mqtt/centre").rglob("*.py")]
    parts = {
        found[1]
        for text in sources
        if "prepare_part(database" in text and (found := re.search(r'^PART = "(.+)"', text, re.M))
    }
    assert len(parts) >= 5
    prepare_all(str(tmp_path / "centre.db"))
    with open_query(str(tmp_path / "centre.db")) as query:
        assert {row["part"] for row in query("SELECT part FROM schema_part")} == parts
