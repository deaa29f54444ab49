"""Private keys come from systemd where the kiosk is a unit, and from their own files where a person starts it."""

from pathlib import Path

from kiosk.system.systemd import credential_path

KEY = Path("/etc/entrance-kiosk/private/pseudonym.key")


def test_a_key_that_systemd_hands_over_is_taken_from_memory(tmp_path: Path) -> None:
    given = tmp_path / "private_pseudonym.key"
    given.write_bytes(b"k" * 32)
    assert credential_path(KEY, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == given


def test_without_systemd_the_configured_file_is_read() -> None:
    assert credential_path(KEY, {}) == KEY


def test_a_key_that_was_not_handed_over_is_looked_for_where_the_configuration_says(tmp_path: Path) -> None:
    assert credential_path(KEY, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == KEY


def test_only_the_private_folder_is_handed_over(tmp_path: Path) -> None:
    """A public file of the same name elsewhere is not the private one."""
    (tmp_path / "private_pseudonym.key").write_bytes(b"k" * 32)
    other = Path("/srv/laboratory/pseudonym.key")
    assert credential_path(other, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == other
