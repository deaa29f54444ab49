"""One name for each file: the commands, the example configuration and the manual agree."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli.issuing.deny import deny
from kiosk.cli.issuing.issue import issue
from kiosk.cli.issuing.trust import trust
from kiosk.cli.pki import pki
from kiosk.core import file_names
from kiosk.installer import gate_files
from kiosk.installer.layout import InstallLayout
from tests.paths import PROJECT

EXAMPLE = PROJECT / "docs/reference/files/kiosk.example.toml"
NAMES = {
    name
    for key, name in vars(file_names).items()
    if key.isupper() and isinstance(name, str) and name != file_names.PRIVATE_FOLDER and "ENROL" not in key
}
"""Without those of the folder of the enrolment, which a person never names."""
NOT_IN_THE_EXAMPLE = {
    file_names.ROOT_PRIVATE_KEY,
    file_names.ISSUER_PUBLIC_FILE,
    file_names.FLEET_PRIVATE_KEY,
    file_names.FLEET_PUBLIC_KEY,
}
"""Files that no kiosk has, and one that it may have."""


def test_the_manual_has_every_name() -> None:
    text = (PROJECT / "docs/how-to/install.md").read_text(encoding="utf-8")
    for name in (
        *NAMES,
        file_names.device_certificate("dong-ba", "gate-1"),
        file_names.device_key("dong-ba", "gate-1"),
    ):
        assert f"`{name}`" in text, name


def test_the_commands_of_the_manual_make_files_with_the_names_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command, line in (
        (trust, "root"),
        (issue, "--key issuer.key --out ."),
        (trust, "build issuer.json"),
        (deny, "add 96e7772da234016cd6d1"),
        (pki, "init --folder ."),
        (pki, "device cho-mau cong-1 --folder ."),
        (pki, "fleet-key --folder ."),
    ):
        done = CliRunner().invoke(command, line.split())
        assert done.exit_code == 0, (line, done.output, done.exception)
    layout = InstallLayout(tmp_path / "device")
    layout.program_dir.mkdir(parents=True)
    gate_files.write_config(layout, EXAMPLE, {"site": "cho-mau", "gate": "cong-1"}, str)
    text = layout.config_file.read_text(encoding="utf-8")
    made = {path.name for path in tmp_path.iterdir() if path.is_file()}
    by_others = {file_names.SEALING_PUBLIC_KEY, file_names.PSEUDONYM_KEY}
    for name in (NAMES | {"cho-mau.cong-1.pem", "cho-mau.cong-1.key"}) - by_others:
        assert name in made, name
    for name in (*NAMES, "cho-mau.cong-1.pem", "private/cho-mau.cong-1.key"):
        if name not in NOT_IN_THE_EXAMPLE:
            assert f'"{name}"' in text or f'"private/{name}"' in text, name
