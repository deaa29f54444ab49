"""Weekly keys: one holder opens nothing, any two open their week, and a destroyed week is gone, in backups too."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from kiosk.core.subject_sealing import Seal
from kiosk.credentials.trust.sealing_keys import SealingKeyList, parse_sealing_keys
from mqtt.centre.accounts.audit import read_audit
from mqtt.centre.ingest.database import open_query
from mqtt.centre.tracing.keys.key_paths import keys_of_paths
from mqtt.centre.tracing.keys.private_keys import PrivateKeyError
from mqtt.centre.tracing.keys.shares import split_key
from mqtt.centre.tracing.keys.weekly_keys import week_name
from tests.fakes.centre.city import make_city
from tests.fakes.centre.traced_events import BUOI, OI, TRACER, Station, Step, city_time, record_walks, write_key

NOW = datetime.now(UTC)
THIS_WEEK = NOW - timedelta(minutes=5)
LAST_WEEK = THIS_WEEK - timedelta(days=7)


@pytest.fixture
def holders(tmp_path: Path) -> list[Path]:
    return [tmp_path / f"holder-{number}" for number in (1, 2, 3)]


@pytest.fixture
def station(tmp_path: Path, holders: list[Path]) -> Station:
    """A person of last week and one of this week, sealed with the keys of their weeks."""
    found = Station(str(tmp_path / "centre.db"), tmp_path)
    make_city(found.database, NOW)
    folders = [word for folder in holders for word in ("--holder", str(folder))]
    files = ("--list", str(tmp_path / "sealing-keys.cose"), "--root-key", str(tmp_path / "root.key"))
    done = found.run("keys", "make", "--weeks", "3", "--first", week_name(LAST_WEEK), *folders, *files)
    assert done.exit_code == 0, done.output
    seal = Seal(_some_pem(tmp_path), lambda: _list(tmp_path).keys)
    record_walks(found.database, seal, LAST_WEEK, [Step(BUOI, 0)])
    record_walks(found.database, seal, THIS_WEEK, [Step(OI, 0)], first=50)
    return found


def _some_pem(folder: Path) -> bytes:
    key = write_key(folder / "unused.pem")
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _list(folder: Path) -> SealingKeyList:
    return parse_sealing_keys((folder / "sealing-keys.cose").read_bytes(), (folder / "root.pem").read_bytes())


def found_by(station: Station, at: datetime, *folders: Path) -> str:
    """What a question about that hour gives with the keys of these folders."""
    case = station.open_case()
    period = ("--since", city_time(at - timedelta(hours=1)), "--until", city_time(at + timedelta(hours=1)))
    keys = [word for folder in folders for word in ("--key", str(folder))]
    done = station.run("place", str(case), "--site", "dong-ba", *period, *keys, account=TRACER)
    return done.output


def test_one_holder_opens_nothing_and_any_two_open(station: Station, holders: list[Path]) -> None:
    for one in holders:
        assert "needs the shares of 2 holders" in found_by(station, THIS_WEEK, one)
    for pair in combinations(holders, 2):
        assert ": 1 people" in found_by(station, THIS_WEEK, *pair)
    assert ": 1 people" in found_by(station, THIS_WEEK, *holders)


def test_a_destroyed_week_is_gone_in_a_backup_too_and_other_weeks_stay(
    station: Station, holders: list[Path], tmp_path: Path
) -> None:
    backup = tmp_path / "backup.db"
    with open_query(station.database) as query:
        query("SELECT 1")
    shutil.copy(station.database, backup)
    assert ": 1 people" in found_by(station, LAST_WEEK, *holders)
    by = ("--requested-by", "Trần Thị Đào", "--reason", "hết thời hạn lưu trữ")
    done = station.run("keys", "destroy", week_name(LAST_WEEK), *map(str, holders[:2]), *by)
    assert done.exit_code == 0, done.output
    for database in (station, Station(str(backup), tmp_path / "elsewhere")):
        database.folder.mkdir(exist_ok=True)
        shown = found_by(database, LAST_WEEK, *holders)
        assert ": 0 people" in shown
        assert "1 passages could not be unsealed" in shown
    assert ": 1 people" in found_by(station, THIS_WEEK, *holders)
    with open_query(station.database) as query:
        assert "destroy-key" in {row.entry.what for row in read_audit(query)}


def test_a_damaged_share_and_a_share_of_another_key_are_found(station: Station, holders: list[Path]) -> None:
    path = holders[0] / f"{week_name(THIS_WEEK)}.share"
    good = json.loads(path.read_text(encoding="utf-8"))
    other = json.loads(next(each for each in holders[0].glob("*.share") if each != path).read_text(encoding="utf-8"))
    first, second, *rest = good["words"].split()
    for content, sentence in (
        (good | {"words": " ".join([second, first, *rest])}, "do not fit together"),
        (good | {"words": other["words"]}, "do not fit together"),
        (other | {"week": week_name(THIS_WEEK)}, "of different keys"),
        ({"week": 1}, "is no share"),
        ([], "is no share"),
    ):
        path.write_text(json.dumps(content), encoding="utf-8")
        assert sentence in found_by(station, THIS_WEEK, *holders[:2])


def test_shares_that_give_another_key_are_found(station: Station, holders: list[Path]) -> None:
    for folder in holders[:2]:
        this, last = (folder / f"{week_name(at)}.share" for at in (THIS_WEEK, LAST_WEEK))
        content = json.loads(this.read_text(encoding="utf-8"))
        content["words"] = json.loads(last.read_text(encoding="utf-8"))["words"]
        this.write_text(json.dumps(content), encoding="utf-8")
    assert "give another key" in found_by(station, THIS_WEEK, *holders[:2])


def test_the_printed_words_of_two_holders_and_a_key_with_a_password_open_too(tmp_path: Path) -> None:
    key = X25519PrivateKey.generate()
    for number, share in enumerate(split_key(key, "")):
        (tmp_path / f"{number}.txt").write_text(share.words.upper() + "\n", encoding="utf-8")
    found = keys_of_paths([tmp_path / "0.txt", tmp_path / "2.txt"])
    assert [one.private_bytes_raw() for one in found] == [key.private_bytes_raw()]
    locked = BestAvailableEncryption(b"secret")
    (tmp_path / "locked.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    assert len(keys_of_paths([tmp_path / "locked.pem"], b"secret")) == 1
    for password, sentence in ((None, "has a password"), (b"wrong", "password is wrong")):
        with pytest.raises(PrivateKeyError, match=sentence):
            keys_of_paths([tmp_path / "locked.pem"], password)


@pytest.mark.parametrize(
    "content", [b"garbage", b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_is_no_key_gets_a_clear_sentence(tmp_path: Path, content: bytes) -> None:
    for name in ("key.pem", "key.bin"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(PrivateKeyError, match=r"is not a private key|is no share"):
            keys_of_paths([tmp_path / name])


def test_the_list_grows_and_no_private_key_is_overwritten(
    station: Station, holders: list[Path], tmp_path: Path
) -> None:
    folders = [word for folder in holders for word in ("--holder", str(folder))]
    files = ("--list", str(tmp_path / "sealing-keys.cose"), "--root-key", str(tmp_path / "root.key"))
    before = _list(tmp_path)
    assert station.run("keys", "make", "--weeks", "2", *folders, *files).exit_code == 0
    after = _list(tmp_path)
    assert (after.number, after.keys[:3], len(after.keys)) == (before.number + 1, before.keys, 5)
    again = station.run("keys", "make", "--weeks", "1", "--first", week_name(THIS_WEEK), *folders, *files)
    assert "a key is never overwritten" in again.output
    assert _list(tmp_path) == after


def test_the_folders_of_holders_are_for_them_alone(station: Station, holders: list[Path]) -> None:
    assert {folder.stat().st_mode & 0o777 for folder in holders} == {0o700}
    assert {path.stat().st_mode & 0o777 for folder in holders for path in folder.iterdir()} == {0o600}
