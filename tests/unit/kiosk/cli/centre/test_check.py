"""`kiosk centre check`: each file that belongs to another one is named, with the reason."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.centre.command import centre
from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from mqtt.centre.alerts.store import prepare_alerts

NOW = datetime.now(UTC)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files of a centre that fit, and those of another authority."""
    for name in ("pki", "other"):
        authority = CertificateAuthority.create(tmp_path / name, name, NOW)
        authority.issue("centre", CertificateUse.CLIENT, NOW, 730)
        authority.issue("dong-ba/gate-1", CertificateUse.CLIENT, NOW, 730)
        authority.issue("web", CertificateUse.SERVER, NOW, 730, ["centre.hue.example", "10.0.0.5"])
    prepare_alerts(str(tmp_path / "centre.db"))
    (tmp_path / "backup.pub").write_text("age1nothing", encoding="ascii")
    return tmp_path


def check(files: Path, **changed: str) -> Result:
    values = {
        "ca": "pki/ca.pem",
        "certificate": "pki/centre.pem",
        "key": "pki/centre.key",
        "database": "centre.db",
    } | changed
    top = "\n".join(f'{key} = "{files}/{value}"' for key, value in values.items() if "." not in key)
    web = {"certificate": "pki/web.pem", "key": "pki/web.key"} | {
        key.removeprefix("web."): value for key, value in values.items() if key.startswith("web.")
    }
    host = web.pop("host", "centre.hue.example")
    table = "\n".join(f'{key} = "{files}/{value}"' for key, value in web.items())
    crl, recipient = values.get("x.crl", "pki/crl.pem"), values.get("x.recipient")
    text = f'{top}\n[web]\n{table}\nallowed_host = "{host}"\n[revoke]\ncrl = "{files}/{crl}"\n'
    if recipient:
        text += f'[backup]\nrecipient = "{files}/{recipient}"\n'
    (files / "centre.toml").write_text(text, encoding="utf-8")
    return CliRunner().invoke(centre, ["--config", str(files / "centre.toml"), "check"])


def test_files_that_belong_together_are_good(files: Path) -> None:
    done = check(files)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"certificate": "other/centre.pem"}, "is of another authority than ca."),
        ({"key": "other/centre.key"}, "does not belong to"),
        ({"certificate": "pki/dong-ba.gate-1.pem", "key": "pki/dong-ba.gate-1.key"}, "its name is dong-ba/gate-1"),
        ({"certificate": "pki/none.pem"}, "none.pem cannot be read"),
        ({"certificate": "pki/ca.key"}, "is not a certificate in PEM form"),
        ({"ca": "pki/none.pem"}, "none.pem cannot be read"),
        ({"key": "pki/ca.pem"}, "is not a private key in PEM form"),
        ({"web.key": "pki/centre.key"}, "web.key:"),
        ({"web.certificate": "other/web.pem"}, "web.certificate:"),
        ({"web.host": "wrong.example"}, "web.allowed_host: wrong.example is not a name of"),
        ({"x.crl": "other/crl.pem"}, "revoke.crl:"),
        ({"x.crl": "pki/ca.pem"}, "is not a revocation list"),
        ({"x.recipient": "backup.pub"}, "backup.recipient:"),
        ({"database": "none.db"}, "database:"),
    ],
)
def test_each_file_that_does_not_fit_is_named(files: Path, changed: dict[str, str], sentence: str) -> None:
    done = check(files, **changed)
    assert done.exit_code == 1
    assert sentence in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(("days", "sentence"), [(-1, "ended on"), (10, "Renew it")])
def test_a_certificate_that_ended_or_ends_soon_is_named(files: Path, days: int, sentence: str) -> None:
    issued_at = NOW if days > 0 else NOW - timedelta(days=3)
    CertificateAuthority(files / "pki").issue("centre", CertificateUse.CLIENT, issued_at, max(days, 1))
    assert sentence in check(files).output
