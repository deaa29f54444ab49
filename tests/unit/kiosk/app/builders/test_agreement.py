"""What the files say of one device agrees: certificate and authority, names and enrolment, weekly sealing keys and the calendar."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from kiosk import config
from kiosk.app.builders.gate import load_lists
from kiosk.app.builders.preflight import Severity, check_settings, finding_message
from kiosk.cli.check_config import check_config
from kiosk.cli.doctor.device_checks import run_checks
from kiosk.core import file_names
from kiosk.core.ports import KioskError
from kiosk.core.status import CheckStatus, HealthCheck
from kiosk.core.subject_sealing import WeeklyKey
from kiosk.credentials.trust.sealing_keys import WEEK, SealingKeyList, sign_sealing_keys, week_start
from kiosk.health import Measurements, evaluate
from kiosk.health.measurements import SECONDS_PER_DAY
from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from kiosk.system.translations import languages, translator
from tests.fakes.data.certificates import NOW, Workshop

CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with temporary_sandbox() as made:
        yield made


def codes(sandbox: Sandbox) -> dict[str, Severity]:
    """The findings. Each has its sentence in every language."""
    found = list(check_settings(config.load_settings(sandbox.config_file), NOW))
    for each in found:
        for language in languages():
            assert not finding_message(translator(language), each).endswith(each.code)
    return {each.code: each.severity for each in found}


def replace(sandbox: Sandbox, old: str, new: str) -> None:
    text = sandbox.config_file.read_text(encoding="utf-8")
    assert old in text
    sandbox.config_file.write_text(text.replace(old, new), encoding="utf-8")


def use_certificate(sandbox: Sandbox, name: str, authority: str) -> None:
    for path in sandbox.folder.glob("*.key"):
        path.chmod(0o600)
    replace(sandbox, "tls = false", f'ca = "{authority}.pem"\ncertificate = "{name}.pem"\nkey = "{name}.key"')


@pytest.fixture
def shop(sandbox: Sandbox) -> Workshop:
    made = Workshop(sandbox.folder)
    for name in ("ours", "theirs"):
        made.make(name, is_authority=True, days=(-10, 400))
    made.make("between", "ours", is_authority=True, days=(-10, 400))
    for name, issuer in (("good", "ours"), ("foreign", "theirs"), ("deep", "between")):
        made.make(name, issuer, use=CLIENT, hosts=(), common_name="cho-mau/cong-1", days=(-10, 400))
    return made


@pytest.mark.parametrize(("name", "expected"), [("good", {}), ("foreign", {"certificate-issuer": Severity.NOTICE})])
def test_the_certificate_of_the_device_is_from_the_authority_that_stands_beside_it(
    sandbox: Sandbox, shop: Workshop, name: str, expected: dict[str, Severity]
) -> None:
    use_certificate(sandbox, name, "ours")
    assert codes(sandbox) == expected


def test_a_certificate_with_its_intermediate_is_from_the_authority_above(sandbox: Sandbox, shop: Workshop) -> None:
    leaf, between = (sandbox.folder / "deep.pem", sandbox.folder / "between.pem")
    leaf.write_bytes(leaf.read_bytes() + between.read_bytes())
    use_certificate(sandbox, "deep", "ours")
    assert codes(sandbox) == {}


def enrolled_as(sandbox: Sandbox, site: str, device: str) -> None:
    current = sandbox.folder / "enrolment" / file_names.ENROLMENT_CURRENT
    current.mkdir(parents=True)
    (current / file_names.ENROLMENT_SETTINGS).write_text(json.dumps({"site": site, "device": device}), encoding="utf-8")
    replace(sandbox, "[visit]", '[enrolment]\nfolder = "enrolment"\n\n[visit]')


def test_a_file_that_names_another_device_than_the_enrolment_says_so(sandbox: Sandbox) -> None:
    enrolled_as(sandbox, "dong-ba", "gate-7")
    assert codes(sandbox) == {"enrolment-unused": Severity.NOTICE}


def test_a_file_that_names_the_device_of_the_enrolment_is_no_contradiction(sandbox: Sandbox) -> None:
    enrolled_as(sandbox, "cho-mau", "cong-1")
    assert codes(sandbox) == {}


def weekly_keys(sandbox: Sandbox, weeks_left: int, root: Ed25519PrivateKey | None = None) -> None:
    """A list of four weeks, of which so many are still to come after the present one."""
    first = week_start(NOW) + (weeks_left - 3) * WEEK
    keys = tuple(
        WeeklyKey(first + number * WEEK, X25519PrivateKey.generate().public_key().public_bytes_raw())
        for number in range(4)
    )
    issued_at = NOW.replace(microsecond=0)
    data = sign_sealing_keys(root or sandbox.samples.root_key, SealingKeyList(1, issued_at, keys))
    (sandbox.folder / "sealing-keys.cose").write_bytes(data)
    replace(sandbox, 'denylist = "denylist.cbor"', 'sealing_keys = "sealing-keys.cose"')


@pytest.mark.parametrize(
    ("weeks_left", "expected"),
    [
        (8, {}),
        (2, {"sealing-keys-ending": Severity.NOTICE}),
        (0, {"sealing-keys-ending": Severity.NOTICE}),
        (-1, {"sealing-keys-ended": Severity.WRONG}),
    ],
)
def test_weekly_sealing_keys_that_end_are_reported_before(
    sandbox: Sandbox, weeks_left: int, expected: dict[str, Severity]
) -> None:
    weekly_keys(sandbox, weeks_left)
    assert codes(sandbox) == expected


def break_list(sandbox: Sandbox, kind: str) -> None:
    path = sandbox.folder / "sealing-keys.cose"
    if kind == "missing":
        path.unlink()
    elif kind == "garbage":
        path.write_bytes(b"not a list")
    elif kind == "other kind":
        path.write_bytes((sandbox.folder / "trust.cbor").read_bytes())
    elif kind == "flipped":
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)


@pytest.mark.parametrize("kind", ["missing", "garbage", "other kind", "flipped"])
def test_a_list_of_sealing_keys_with_which_no_kiosk_starts_is_named(sandbox: Sandbox, kind: str) -> None:
    weekly_keys(sandbox, 8)
    break_list(sandbox, kind)
    assert codes(sandbox) == {"file-missing" if kind == "missing" else "list-unusable": Severity.STOPS}
    with pytest.raises(KioskError):
        load_lists(config.load_settings(sandbox.config_file))
    failed = [one for one in run_checks(config.load_settings(sandbox.config_file)) if one.code == "sealing-keys"]
    assert [one.status for one in failed] == [CheckStatus.FAIL]


def test_a_list_that_another_root_signed_is_named(sandbox: Sandbox) -> None:
    weekly_keys(sandbox, 8, Ed25519PrivateKey.generate())
    assert codes(sandbox) == {"list-unusable": Severity.STOPS}


@pytest.mark.parametrize(
    ("days", "status", "reason"),
    [(60, CheckStatus.PASS, None), (27, CheckStatus.WARN, "ending"), (-1, CheckStatus.WARN, "ended")],
)
def test_the_health_check_of_the_sealing_keys(days: float, status: CheckStatus, reason: str | None) -> None:
    (found,) = (
        one for one in evaluate(Measurements(sealing_keys_left_s=days * SECONDS_PER_DAY)) if one.code == "sealing-keys"
    )
    assert (found.status, found.reason or None) == (status, reason)
    for language in languages():
        assert translator(language).has(f"check.sealing-keys.{reason or status}")


def test_without_weekly_keys_there_is_no_such_check() -> None:
    assert "sealing-keys" not in {one.code for one in evaluate(Measurements())}


UNNAMED = """\
[camera]
source = "synthetic"
[gpio]
pin_factory = "mock"
[enrolment]
folder = "enrolment"
[storage]
path = "events.db"
[web]
state_dir = "state"
"""


def check(folder: Path) -> Result:
    return CliRunner().invoke(check_config, [str(folder / "kiosk.toml"), "--connect"])


def test_a_device_that_is_not_enrolled_is_good_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "kiosk.toml").write_text(UNNAMED, encoding="utf-8")
    done = check(tmp_path)
    assert done.exit_code == 0, done.output
    assert "kiosk centre enrol new" in done.output
    checks: dict[str, HealthCheck] = {
        one.code: one for one in run_checks(config.load_settings(tmp_path / "kiosk.toml"))
    }
    assert checks["enrolment"].status is CheckStatus.WARN
    assert checks["files"].status is CheckStatus.PASS
    assert not {"trust-list", "broker", "denylist"} & checks.keys(), "it has none yet"
    assert {"camera", "gpio", "disk"} <= checks.keys(), "its hardware is checked all the same"


def test_a_device_that_is_not_enrolled_still_has_its_hardware_checked(tmp_path: Path) -> None:
    (tmp_path / "kiosk.toml").write_text(UNNAMED.replace("synthetic", f"replay:{tmp_path}/none"), encoding="utf-8")
    done = check(tmp_path)
    assert done.exit_code == 1
    assert "not a folder" in str(done.exception)


def test_the_end_of_a_list_is_the_end_of_its_last_week() -> None:
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    keys = (WeeklyKey(monday, b"k" * 32), WeeklyKey(monday + WEEK, b"l" * 32))
    assert SealingKeyList(1, monday, keys).ends_at == monday + timedelta(days=14)
