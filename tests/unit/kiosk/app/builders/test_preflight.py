"""Every file that the configuration names is checked by the code that will use it, and all findings come at once."""

import base64
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk import config
from kiosk.app.builders.gate import load_lists
from kiosk.app.builders.preflight import Finding, Severity, check_settings, finding_message
from kiosk.core.ports import KioskError
from kiosk.credentials.trust import denylist, trust_list
from kiosk.simulation.sandbox import Sandbox, temporary_sandbox
from kiosk.system.translations import languages, translator
from tests.examples import examples
from tests.fakes.data.certificates import NOW, Workshop

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with temporary_sandbox() as made:
        yield made


@pytest.fixture
def shop(sandbox: Sandbox) -> Workshop:
    """Makes certificates in the folder of the configuration."""
    made = Workshop(sandbox.folder)
    made.make("root", is_authority=True, days=(-10, 400))
    made.make("old-root", is_authority=True, days=(-30, -2))
    made.make("device", "root", use=CLIENT, hosts=(), common_name="cho-mau/cong-1", days=(-10, 400))
    made.make("other", "root", use=CLIENT, hosts=(), common_name="cho-mau/cong-2", days=(-10, 400))
    made.make("expired", "root", use=CLIENT, hosts=(), common_name="cho-mau/cong-1", days=(-30, -1))
    made.make("soon", "root", use=CLIENT, hosts=(), common_name="cho-mau/cong-1", days=(-30, 5))
    made.make("early", "root", use=CLIENT, hosts=(), common_name="cho-mau/cong-1", days=(5, 90))
    made.make("server", "root", use=SERVER, common_name="cho-mau/cong-1", days=(-10, 400))
    made.write_key("locked.key", made.parties["device"].key, b"secret")
    for path in sandbox.folder.glob("*.key"):
        path.chmod(0o600)
    return made


def with_lines(sandbox: Sandbox, section: str, *lines: str) -> config.Settings:
    """The settings with other or further lines in a section."""
    text = sandbox.config_file.read_text(encoding="utf-8")
    head, _, rest = text.partition(f"[{section}]\n")
    body, separator, after = rest.partition("\n\n")
    kept = [line for line in body.splitlines() if line.split(" =")[0] not in {each.split(" =")[0] for each in lines}]
    changed = f"{head}[{section}]\n" + "\n".join([*kept, *lines]) + f"\n{separator}{after}"
    sandbox.config_file.write_text(changed, encoding="utf-8")
    return config.load_settings(sandbox.config_file)


def findings(settings: config.Settings) -> dict[str, Finding]:
    found = list(check_settings(settings, NOW))
    for language in languages():
        for each in found:
            text = finding_message(translator(language), each)
            assert not {f"config.{each.code}", f"{each.code}"} & set(text.split()), "it has no message"
            assert "None" not in text
    return {each.code: each for each in sorted(found, key=lambda each: each.severity)}


def test_a_good_configuration_has_no_findings(sandbox: Sandbox) -> None:
    assert findings(config.load_settings(sandbox.config_file)) == {}


def _public(key: X25519PrivateKey | Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _private(key: X25519PrivateKey | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


PUBLIC_PEM = b"-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n"
UNKNOWN_KIND = PUBLIC_PEM % b"MCowBQYD/2VuAyEAO8pQhy1RjGMCeKTpycCve4MNn983Sd6v6XH7h6ZsLBo="
WRONG_KEYS = {
    "no sealing key": ("centre-public.pem", None, "file-missing"),
    "a sealing key of another kind": ("centre-public.pem", _public(STRANGER), "sealing-key"),
    "a sealing key that is garbage": ("centre-public.pem", b"garbage", "sealing-key"),
    "a sealing key of an unknown kind": ("centre-public.pem", UNKNOWN_KIND, "sealing-key"),
    "an empty sealing key": ("centre-public.pem", b"", "sealing-key"),
    "the private sealing key": ("centre-public.pem", _private(X25519PrivateKey.generate()), "private-key"),
    "no pseudonym key": ("pseudonym.key", None, "file-missing"),
    "a short pseudonym key": ("pseudonym.key", os.urandom(31), "pseudonym-key"),
    "an empty pseudonym key": ("pseudonym.key", b"", "pseudonym-key"),
    "no root key": ("root-public.pem", None, "file-missing"),
    "a root key that is garbage": ("root-public.pem", b"garbage", "root-key"),
    "a root key of another site": ("root-public.pem", _public(STRANGER), "list-unusable"),
    "a root key of another kind": ("root-public.pem", _public(X25519PrivateKey.generate()), "root-key"),
    "the private root key": ("root-public.pem", _private(STRANGER), "private-key"),
    "no trust list": ("trust.cbor", None, "file-missing"),
    "a trust list that is garbage": ("trust.cbor", b"garbage", "list-unusable"),
    "an empty trust list": ("trust.cbor", b"", "list-unusable"),
}


@pytest.mark.parametrize("what", WRONG_KEYS)
def test_a_wrong_key_or_trust_list_stops_the_kiosk_and_is_found(sandbox: Sandbox, what: str) -> None:
    name, content, code = WRONG_KEYS[what]
    path = sandbox.folder / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    found = findings(config.load_settings(sandbox.config_file))
    assert found[code].severity is Severity.STOPS
    assert name.split(".", maxsplit=1)[0].split("-")[0] in finding_message(translator("en"), found[code])


def test_a_pseudonym_key_that_is_text_is_noticed(sandbox: Sandbox) -> None:
    (sandbox.folder / "pseudonym.key").write_bytes(b"0123456789abcdef" * 4)
    assert findings(config.load_settings(sandbox.config_file))["pseudonym-key-weak"].severity is Severity.NOTICE


def test_a_private_key_that_every_account_can_read_is_noticed(sandbox: Sandbox) -> None:
    (sandbox.folder / "pseudonym.key").chmod(0o644)
    found = findings(config.load_settings(sandbox.config_file))["key-mode"]
    assert found.values["mode"] == "0644"


class TestLists:
    """What is found is what a daemon that starts now does."""

    def put(self, sandbox: Sandbox, number: int, *entries: bytes) -> None:
        made = denylist.make_denylist(entries, number=number, issued_at=NOW)
        (sandbox.folder / "denylist.cbor").write_bytes(denylist.sign_denylist(sandbox.samples.root_key, made))

    def agrees_with_the_daemon(self, settings: config.Settings) -> dict[str, Finding]:
        found = findings(settings)
        stopped = any(each.severity is Severity.STOPS for each in found.values())
        try:
            loader = load_lists(settings)
        except KioskError:
            assert stopped
        else:
            assert not stopped
            expected = {f"list-{problem.reason}" for problem in loader.problems.values()}
            assert expected == {"list-unusable" if code == "file-missing" else code for code in found}
        return found

    @pytest.mark.parametrize("content", [None, b"", b"garbage"], ids=["missing", "empty", "garbage"])
    def test_a_wrong_denylist_is_found_and_does_not_stop_the_kiosk(
        self, sandbox: Sandbox, content: bytes | None
    ) -> None:
        path = sandbox.folder / "denylist.cbor"
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        (found,) = self.agrees_with_the_daemon(config.load_settings(sandbox.config_file)).values()
        assert found.severity is Severity.WRONG
        assert found.settings == ("keys.denylist",)

    def test_an_older_list_and_one_with_the_same_number_are_found(self, sandbox: Sandbox) -> None:
        settings = config.load_settings(sandbox.config_file)
        self.put(sandbox, 50, b"a" * 10)
        load_lists(settings)
        for number, said in ((49, "older"), (50, "other content")):
            self.put(sandbox, number, b"b" * 10)
            found = self.agrees_with_the_daemon(settings)
            assert said in finding_message(translator("en"), found["list-previous"])

    def test_a_trust_list_that_became_bad_does_not_stop_a_kiosk_that_has_a_copy(self, sandbox: Sandbox) -> None:
        settings = config.load_settings(sandbox.config_file)
        load_lists(settings)
        (sandbox.folder / "trust.cbor").write_bytes(b"garbage")
        assert self.agrees_with_the_daemon(settings)["list-previous"].severity is Severity.WRONG

    def test_a_check_writes_no_copy(self, sandbox: Sandbox) -> None:
        findings(config.load_settings(sandbox.config_file))
        assert not list(sandbox.folder.glob("*.kept"))

    def test_lists_that_are_too_old_for_the_policy_are_found(self, sandbox: Sandbox) -> None:
        made = trust_list.make_trust_list([], number=99, issued_at=NOW - timedelta(hours=30))
        (sandbox.folder / "trust.cbor").write_bytes(trust_list.sign_trust_list(sandbox.samples.root_key, made))
        text = sandbox.config_file.read_text(encoding="utf-8")
        lines = '\n[access]\non_stale_lists = "deny"\nlists_max_age_h = 24\n'
        sandbox.config_file.write_text(text + lines, encoding="utf-8")
        found = findings(config.load_settings(sandbox.config_file))
        assert found["list-stale"].values == {"hours": 30, "limit": "24"}


Lines = tuple[str, ...]
DEVICE: Lines = ('ca = "root.pem"', 'certificate = "device.pem"', 'key = "device.key"')
BROKER_FILES: dict[str, tuple[Lines, str, Severity]] = {
    "a missing CA": (('ca = "no.pem"',), "tls.file-unreadable", Severity.WRONG),
    "a CA that is a list": (('ca = "trust.cbor"',), "tls.ca-not-pem", Severity.WRONG),
    "an expired CA": (('ca = "old-root.pem"',), "tls.authority-expired", Severity.WRONG),
    "another device's certificate": (('certificate = "other.pem"', 'key = "other.key"'), "certificate-name", Severity.WRONG),
    "an expired certificate": (('certificate = "expired.pem"', 'key = "expired.key"'), "certificate-expired", Severity.WRONG),
    "a certificate of next week": (('certificate = "early.pem"', 'key = "early.key"'), "certificate-early", Severity.NOTICE),
    "a certificate that expires soon": (('certificate = "soon.pem"', 'key = "soon.key"'), "certificate-soon", Severity.NOTICE),
    "a certificate of a server": (('certificate = "server.pem"', 'key = "server.key"'), "certificate-not-client", Severity.WRONG),
    "another key": (('key = "other.key"',), "tls.key-mismatch", Severity.WRONG),
    "an encrypted key": (('key = "locked.key"',), "tls.key-encrypted", Severity.WRONG),
    "a key that is a certificate": (('key = "device.pem"',), "tls.key-not-pem", Severity.WRONG),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKER_FILES)
def test_a_wrong_file_for_the_broker_is_found(sandbox: Sandbox, shop: Workshop, what: str) -> None:
    lines, code, severity = BROKER_FILES[what]
    named = {line.split(" =", maxsplit=1)[0]: line for line in (*DEVICE, *lines)}
    found = findings(with_lines(sandbox, "mqtt", "tls = true", *named.values()))
    assert list(found) == [code]
    assert found[code].severity is severity


def test_good_files_for_the_broker_have_no_findings(sandbox: Sandbox, shop: Workshop) -> None:
    assert findings(with_lines(sandbox, "mqtt", "tls = true", *DEVICE)) == {}


def test_the_certificate_of_another_device_is_named_with_both_names(sandbox: Sandbox, shop: Workshop) -> None:
    lines = (DEVICE[0], 'certificate = "other.pem"', 'key = "other.key"')
    found = findings(with_lines(sandbox, "mqtt", "tls = true", *lines))["certificate-name"]
    for language in languages():
        text = finding_message(translator(language), found)
        assert "cho-mau/cong-1" in text
        assert "cho-mau/cong-2" in text


def _both(first: str, second: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        joined = (folder / first).read_bytes() + (folder / second).read_bytes()
        (folder / "page.pem").write_bytes(joined)
        (folder / "page.pem").chmod(0o600)

    return write


PAGE_FILES: dict[str, tuple[Callable[[Path], None] | None, str]] = {
    "missing": (None, "tls.file-unreadable"),
    "without a key": (_both("server.pem", "root.pem"), "tls.key-missing"),
    "with another key": (_both("server.pem", "other.key"), "tls.key-mismatch"),
    "with an encrypted key": (_both("device.pem", "locked.key"), "tls.key-encrypted"),
    "garbage": (_both("trust.cbor", "denylist.cbor"), "tls.certificate-not-pem"),
    "expired": (_both("expired.pem", "expired.key"), "certificate-expired"),
    "of a device": (_both("device.pem", "device.key"), "certificate-not-server"),
}


@pytest.mark.parametrize("what", PAGE_FILES)
def test_a_wrong_certificate_of_the_pages_is_found_and_does_not_stop_the_kiosk(
    sandbox: Sandbox, shop: Workshop, what: str
) -> None:
    write, code = PAGE_FILES[what]
    if write is not None:
        write(sandbox.folder)
    found = findings(with_lines(sandbox, "web", 'certificate = "page.pem"'))
    assert found[code].severity is Severity.WRONG


def test_wrong_paths_are_found(sandbox: Sandbox) -> None:
    (sandbox.folder / "a-file").touch()
    with_lines(sandbox, "web", 'state_dir = "a-file"')
    with_lines(sandbox, "camera", 'source = "replay:nowhere"')
    found = findings(with_lines(sandbox, "storage", 'path = "nowhere/events.db"'))
    assert set(found) >= {"folder-missing", "not-a-folder", "camera"}


def test_all_findings_come_at_once(sandbox: Sandbox, shop: Workshop) -> None:
    (sandbox.folder / "pseudonym.key").write_bytes(b"x")
    (sandbox.folder / "centre-public.pem").unlink()
    (sandbox.folder / "denylist.cbor").write_bytes(b"x")
    with_lines(sandbox, "web", 'certificate = "trust.cbor"')
    found = findings(with_lines(sandbox, "mqtt", "tls = true", 'ca = "no.pem"', *DEVICE[1:]))
    assert set(found) == {
        "pseudonym-key", "file-missing", "list-unusable", "tls.file-unreadable", "tls.certificate-not-pem",
    }  # fmt: skip


KEYS_AND_LISTS = ("centre-public.pem", "pseudonym.key", "root-public.pem", "trust.cbor", "denylist.cbor")
FUZZED = (*KEYS_AND_LISTS, "root.pem", "device.pem", "device.key")


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_content_of_a_file_makes_the_check_raise(sandbox: Sandbox, shop: Workshop, data: st.DataObject) -> None:
    """Random bytes, and good files with changed bytes: a finding or none, as the daemon would start or not."""
    found = with_lines(sandbox, "mqtt", "tls = true", *DEVICE)
    path = sandbox.folder / data.draw(st.sampled_from(FUZZED))
    good = path.read_bytes()
    changed = bytearray(good)
    for position, value in data.draw(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3)):
        changed[position % len(good)] = value
    path.write_bytes(data.draw(st.binary(max_size=100) | st.just(bytes(changed)) | st.just(good[: len(good) // 2])))
    try:
        findings(found)
    finally:
        path.write_bytes(good)


def test_a_key_of_an_unknown_algorithm_is_named(sandbox: Sandbox, shop: Workshop) -> None:
    found = with_lines(sandbox, "mqtt", "tls = true", *DEVICE)
    lines = (sandbox.folder / "device.key").read_text().split("\n")
    der = base64.b64decode("".join(line for line in lines if not line.startswith("-")))
    unknown = base64.encodebytes(der.replace(bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2b8648ce3d0201")))
    (sandbox.folder / "device.key").write_bytes(
        b"-----BEGIN PRIVATE KEY-----\n" + unknown + b"-----END PRIVATE KEY-----\n"
    )
    assert "tls.key-not-pem" in findings(found)


def test_all_missing_files_come_at_once(sandbox: Sandbox) -> None:
    for name in KEYS_AND_LISTS:
        (sandbox.folder / name).unlink()
    found = list(check_settings(config.load_settings(sandbox.config_file), NOW))
    assert {each.code for each in found} == {"file-missing"}
    assert {Path(str(each.values["path"])).name for each in found} == set(KEYS_AND_LISTS)
