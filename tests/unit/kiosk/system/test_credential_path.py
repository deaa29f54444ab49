"""Private keys come from systemd if the kiosk runs as a unit, otherwise from their configured files."""

from pathlib import Path

from kiosk.system.systemd import credential_path

KEY = Path("/etc/entrance-kiosk/private/pseudonym.key")


def test_a_key_passed_by_systemd_is_read_from_memory(tmp_path: Path) -> None:
    given = tmp_path / "private_pseudonym.key"
    given.write_bytes(b"k" * 32)
    assert credential_path(KEY, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == given


def test_without_systemd_the_configured_file_is_read() -> None:
    assert credential_path(KEY, {}) == KEY


def test_a_key_not_passed_by_systemd_is_read_from_its_configured_file(tmp_path: Path) -> None:
    assert credential_path(KEY, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == KEY


def test_only_keys_in_the_private_folder_come_from_systemd(tmp_path: Path) -> None:
    """A public file of the same name elsewhere is not the private one."""
    (tmp_path / "private_pseudonym.key").write_bytes(b"k" * 32)
    other = Path("/srv/laboratory/pseudonym.key")
    assert credential_path(other, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == other
