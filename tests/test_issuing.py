"""From an issuer's key to a card in the hand, and from there back through our own reader to green."""

import base64
import csv
import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pypdfium2  # type: ignore[import-untyped]  # it has no types; pages and text are read of it
import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from kiosk.cli import main
from kiosk.cli.deny import deny
from kiosk.cli.issue import issue
from kiosk.cli.trust import trust as trust_command
from kiosk.credentials import Dispatcher, denylist, trust
from kiosk.credentials.files import ListTrouble
from kiosk.issuing import codes, keyfile, lists, make_key, sheets
from kiosk.issuing.bulk import BulkTrouble, Wish, read_wishes
from kiosk.issuing.codes import PrintTrouble
from kiosk.issuing.keyfile import KeyFileTrouble
from kiosk.model import Claim, Kind
from kiosk.reading.still import read_picture
from tests.people import NOW_AT, WORLD, moment

assert callable(main)
DEFAULT = Wish("", 30, 1, 48)


def run(command: Any, *arguments: object) -> Result:
    result = CliRunner().invoke(command, [str(each) for each in arguments])
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def trouble(command: Any, *arguments: object) -> BaseException:
    result = CliRunner().invoke(command, [str(each) for each in arguments])
    assert result.exit_code != 0
    assert result.exception is not None
    return result.exception


def printed(path: Path, dpi: int = 150) -> list[np.ndarray[Any, Any]]:
    """The pages of a PDF as a printer would put them on paper, luma."""
    document = pypdfium2.PdfDocument(path)
    return [document[page].render(scale=dpi / 72, grayscale=True).to_numpy().squeeze() for page in range(len(document))]


def codes_on(page: np.ndarray[Any, Any], shape: sheets.Format = sheets.ID_1) -> list[bytes]:
    """Every code on a sheet, card by card as the knife cuts it."""
    px_per_mm = page.shape[1] / sheets.PAGE_WIDTH_MM
    found = []
    for left, top in sheets._places(shape):
        rows = slice(round(top * px_per_mm), round((top + shape.height_mm) * px_per_mm))
        columns = slice(round(left * px_per_mm), round((left + shape.width_mm) * px_per_mm))
        found += [reading.data for reading in read_picture(np.ascontiguousarray(page[rows, columns]))]
    return found


def registered(out: Path) -> list[dict[str, str]]:
    with (out / "register.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class TestOnePass:
    def test_one_command_makes_key_pass_and_trust_list_and_the_gate_turns_green(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        run(
            issue, "--key", tmp_path / "issuer.key", "--out", out, "--name", "Nguyễn Thị Ánh", "--label", "Phường Vỹ Dạ"
        )
        (serial,) = (row["serial"] for row in registered(out))
        picture = cv2.imread(str(next(out.glob("pass-*.png"))), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        (reading,) = read_picture(np.asarray(picture, np.uint8))
        answer = Dispatcher(trust.load(out / "trust-list.cose")).verify(reading.data, moment())
        assert isinstance(answer, Claim)
        assert answer.subject.identifiers[0].value == serial
        (on_paper,) = codes_on(printed(next(out.glob("pass-*.pdf")))[0])
        assert on_paper == reading.data

    def test_the_name_is_printed_and_not_encoded(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--name", "Công Tằng Tôn Nữ Thủy")
        document = pypdfium2.PdfDocument(next(tmp_path.glob("pass-*.pdf")))
        text = document[0].get_textpage().get_text_bounded().replace("\r\n", " ")
        assert "Công Tằng Tôn Nữ Thủy" in text
        assert "THẺ RA VÀO" in text
        picture = cv2.imread(str(next(tmp_path.glob("*.png"))), cv2.IMREAD_GRAYSCALE)
        assert b"Th" not in read_picture(np.asarray(picture, np.uint8))[0].data

    def test_the_same_key_signs_again_and_the_trust_list_stays(self, tmp_path: Path) -> None:
        for _ in range(2):
            run(issue, "--key", tmp_path / "k", "--out", tmp_path)
        assert trust.load(tmp_path / "trust-list.cose").number == 1
        run(issue, "--key", tmp_path / "another", "--out", tmp_path)
        found = trust.load(tmp_path / "trust-list.cose")
        assert (found.number, len(list(found))) == (2, 2)
        assert len(registered(tmp_path)) == 3

    def test_a_pass_ends_with_its_key_at_the_latest(self, tmp_path: Path) -> None:
        key = make_key(NOW_AT - timedelta(days=300), NOW_AT + timedelta(days=20_000))
        keyfile.write_issuer(key, tmp_path / "long", None)
        short = make_key(key.not_before_at, NOW_AT - timedelta(days=200))
        keyfile.write_issuer(short, tmp_path / "short", None)
        assert "ends with it" not in run(issue, "--key", tmp_path / "long", "--out", tmp_path / "a").output
        result = run(issue, "--key", tmp_path / "short", "--out", tmp_path / "b")
        assert "ends with it" in result.output

    def test_the_register_and_the_keys_are_for_their_owner_alone(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path)
        for name in ("k", "register.csv", "root.key"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600

    def test_a_key_may_issue_only_its_classes(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--classes", "2, 3", "--status-class", 2)
        (key,) = trust.load(tmp_path / "trust-list.cose")
        assert key.uses == {"2", "3"}
        assert isinstance(trouble(issue, "--key", tmp_path / "n", "--out", tmp_path, "--classes", "a"), SystemExit)

    def test_without_a_key_it_asks_for_one(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(issue, ["--out", str(tmp_path)])
        assert result.exit_code == 2
        assert "--key FILE is missing" in result.output

    def test_a_folder_that_cannot_be_made_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        found = trouble(issue, "--key", tmp_path / "k", "--out", tmp_path / "file" / "out")
        assert isinstance(found, BulkTrouble)
        assert "Give another --out" in str(found)


class TestManyPasses:
    def people(self, folder: Path, text: str) -> Path:
        path = folder / "people.csv"
        path.write_text(text, encoding="utf-8-sig")
        return path

    def test_every_card_of_every_sheet_is_read_back_from_paper(self, tmp_path: Path) -> None:
        names = "".join(f"Trần Văn {'ABCDEFGHIJKL'[each]},{10 + each}\n" for each in range(12))
        path = self.people(tmp_path, "name,days\n" + names)
        result = run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--csv", path)
        assert "12 passes" in result.output
        verifier = Dispatcher(trust.load(tmp_path / "trust-list.cose"))
        pages = printed(tmp_path / "cards.pdf")
        found = [code for page in pages for code in codes_on(page)]
        claims = [verifier.verify(code, moment()) for code in found]
        assert [isinstance(claim, Claim) for claim in claims] == [True] * 12
        serials = [claim.subject.identifiers[0].value for claim in claims if isinstance(claim, Claim)]
        assert serials == [row["serial"] for row in registered(tmp_path)]
        assert len(pages) == 2

    def test_large_cards_have_five_centimetres_of_modules(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--format", "large")
        assert sheets.LARGE.code_mm * 45 / 53 >= 50
        assert sheets.ID_1.code_mm >= 50
        (code,) = codes_on(printed(next(tmp_path.glob("*.pdf")))[0], sheets.LARGE)
        assert code.startswith(b"HUE1:")

    def test_a_list_may_say_days_class_and_declaration(self, tmp_path: Path) -> None:
        path = self.people(tmp_path, "name,days,status_class,declaration_hours\nÁnh,5,3,0\nBình,,,\n")
        assert read_wishes(path, DEFAULT) == [Wish("Ánh", 5, 3, 0), Wish("Bình", 30, 1, 48)]

    def test_every_mistake_is_told_at_once_and_nothing_is_made(self, tmp_path: Path) -> None:
        path = self.people(tmp_path, "name,days\nÁnh,5\n,5\nBình,0\nCường,x\n7,1\nDung,367\n")
        with pytest.raises(BulkTrouble) as caught:
            read_wishes(path, DEFAULT)
        message = str(caught.value)
        assert [f"line {line}" in message for line in (2, 3, 4, 5, 6, 7)] == [False, True, True, True, True, True]
        assert "nothing was made" in message
        assert isinstance(trouble(issue, "--key", tmp_path / "k", "--out", tmp_path / "o", "--csv", path), BulkTrouble)
        assert list((tmp_path / "o").iterdir()) == []

    @pytest.mark.parametrize("text", ["", "who\nÁnh\n", "name\n", "name,extra\nÁnh,1\n", "name\nÁnh,too many\n"])
    def test_a_list_of_another_form_is_refused(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(
            BulkTrouble, match=r"columns known here: days, declaration_hours, name, status_class|nothing was made"
        ):
            read_wishes(self.people(tmp_path, text), DEFAULT)

    def test_a_list_that_is_no_text_or_not_there_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "binary").write_bytes(b"name\n\xff\xfe")
        with pytest.raises(BulkTrouble, match="not a CSV file in UTF-8"):
            read_wishes(tmp_path / "binary", DEFAULT)
        with pytest.raises(BulkTrouble, match="cannot be read: No such file"):
            read_wishes(tmp_path / "absent", DEFAULT)

    def test_too_many_at_once_are_refused(self, tmp_path: Path) -> None:
        path = self.people(tmp_path, "name\n" + "Ánh\n" * 20_001)
        with pytest.raises(BulkTrouble, match="at most 20000 at once"):
            read_wishes(path, DEFAULT)


class TestPoster:
    def test_fifteen_centimetres_and_read_back_from_paper(self, tmp_path: Path) -> None:
        address = "https://example.org/diadiem?id=046-0001"
        run(issue, "--out", tmp_path, "--poster", address, "--label", "Chợ Đông Ba")
        (page,) = printed(tmp_path / "poster.pdf", 100)
        (reading,) = read_picture(np.ascontiguousarray(page))
        assert reading.data == address.encode()
        assert reading.corners is not None
        (left, top), (right, also_top) = reading.corners[:2]
        side_mm = np.hypot(right - left, also_top - top) / 100 * 25.4
        assert side_mm == pytest.approx(150, abs=4)
        assert "Chợ Đông Ba" in pypdfium2.PdfDocument(tmp_path / "poster.pdf")[0].get_textpage().get_text_bounded()

    def test_too_long_an_address_is_refused_and_nothing_is_written(self, tmp_path: Path) -> None:
        assert isinstance(trouble(issue, "--out", tmp_path, "--poster", "x" * 3000), PrintTrouble)
        assert list(tmp_path.iterdir()) == []


def test_a_code_that_would_be_too_fine_is_not_printed(tmp_path: Path) -> None:
    dense = codes.make("https://example.org/" + "x" * 2000)
    card = sheets.Card(dense, "Ánh", NOW_AT, "Phường Vỹ Dạ")
    with pytest.raises(PrintTrouble, match="too fine for 50 mm"):
        sheets.write_cards([card], sheets.ID_1, tmp_path / "cards.pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_code_that_our_reader_does_not_read_is_not_printed() -> None:
    good = codes.make("HUE1:" + "A" * 173)
    spoiled = good.modules.copy()
    spoiled[8:37, 8:37] = False
    with pytest.raises(PrintTrouble, match="cannot read a code of 45 modules"):
        codes.prove(codes.Code(good.text, spoiled, good.designator), 50)


def test_a_very_long_name_is_set_smaller_and_at_last_cut(tmp_path: Path) -> None:
    card = sheets.Card(codes.make(WORLD["valid"].text), "Ngọc " * 60, NOW_AT, "")
    sheets.write_cards([card], sheets.ID_1, tmp_path / "cards.pdf")
    text = pypdfium2.PdfDocument(tmp_path / "cards.pdf")[0].get_textpage().get_text_bounded()
    assert "Ngọc Ngọc" in text
    assert text.count("Ngọc") < 60


class TestKeyFiles:
    KEY = make_key(
        NOW_AT, NOW_AT + timedelta(days=9), status_classes=frozenset({1, 2}), label="Phường Vỹ Dạ", seed=b"i" * 32
    )

    @pytest.mark.parametrize("password", [None, b"m\xe1\xba\xadt kh\xe1\xba\xa9u"])
    def test_a_key_comes_back_as_it_was(self, tmp_path: Path, password: bytes | None) -> None:
        keyfile.write_issuer(self.KEY, tmp_path / "k", password)
        found = keyfile.read_issuer(tmp_path / "k", password)
        assert found.kid == self.KEY.kid
        assert (found.not_before_at, found.not_after_at, found.status_classes, found.label) == (
            self.KEY.not_before_at,
            self.KEY.not_after_at,
            self.KEY.status_classes,
            self.KEY.label,
        )
        assert (b"ENCRYPTED" in (tmp_path / "k").read_bytes()) is (password is not None)

    def test_a_locked_key_opens_with_its_password_alone(self, tmp_path: Path) -> None:
        keyfile.write_issuer(self.KEY, tmp_path / "locked", b"right")
        keyfile.write_issuer(self.KEY, tmp_path / "open", None)
        with pytest.raises(KeyFileTrouble, match="has a password; give --password-file"):
            keyfile.read_issuer(tmp_path / "locked", None)
        with pytest.raises(KeyFileTrouble, match="wrong password"):
            keyfile.read_issuer(tmp_path / "locked", b"wrong")
        with pytest.raises(KeyFileTrouble, match="leave --password-file out"):
            keyfile.read_issuer(tmp_path / "open", b"right")

    def test_a_key_is_never_overwritten(self, tmp_path: Path) -> None:
        keyfile.write_root(WORLD.root_key, tmp_path / "k", None)
        with pytest.raises(KeyFileTrouble, match="never overwritten"):
            keyfile.write_root(WORLD.root_key, tmp_path / "k", None)
        with pytest.raises(KeyFileTrouble, match="cannot be written: No such file"):
            keyfile.write_root(WORLD.root_key, tmp_path / "no" / "k", None)

    @pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"private_key": 1}', b'{"private_key": "x"}'])
    def test_another_file_is_no_issuer_key(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "k").write_bytes(content)
        with pytest.raises(KeyFileTrouble):
            keyfile.read_issuer(tmp_path / "k", None)

    def test_another_kind_of_key_is_refused(self, tmp_path: Path) -> None:
        pem = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / "k").write_bytes(pem)
        with pytest.raises(KeyFileTrouble, match="not an Ed25519 key"):
            keyfile.read_root(tmp_path / "k", None)
        with pytest.raises(KeyFileTrouble, match="cannot be read"):
            keyfile.read_root(tmp_path / "absent", None)

    def test_a_password_is_the_first_line_of_its_file(self, tmp_path: Path) -> None:
        (tmp_path / "p").write_bytes(b"secret\r\nsecond line")
        assert keyfile.read_password(tmp_path / "p") == b"secret"
        (tmp_path / "p").write_bytes(b"\nsecond line")
        with pytest.raises(KeyFileTrouble, match="no password in its first line"):
            keyfile.read_password(tmp_path / "p")

    def test_issuing_with_a_password_locks_key_and_root(self, tmp_path: Path) -> None:
        (tmp_path / "p").write_text("secret\n")
        result = run(issue, "--key", tmp_path / "k", "--out", tmp_path, "--password-file", tmp_path / "p")
        assert "locked with the password" in result.output
        assert b"ENCRYPTED" in (tmp_path / "k").read_bytes()
        assert b"ENCRYPTED" in (tmp_path / "root.key").read_bytes()


def certificate(key: Any, *usages: str) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bộ Y tế (mẫu)")])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, NOW_AT - timedelta(days=1), NOW_AT + timedelta(days=700)
    )
    if usages:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([x509.ObjectIdentifier(each) for each in usages]), critical=False
        )
    return builder.sign(key, SHA256())


class TestTrustCommand:
    EC_KEY = ec.derive_private_key(99, ec.SECP256R1())

    def test_certificates_in_der_and_pem_and_issuers_become_one_list(self, tmp_path: Path) -> None:
        rsa_key = rsa.generate_private_key(65537, 2048)
        one = certificate(self.EC_KEY, "1.3.6.1.4.1.1847.2021.1.2", "1.3.6.1.4.1.0.1847.2021.1.1")
        two = certificate(rsa_key)
        (tmp_path / "one.der").write_bytes(one.public_bytes(Encoding.DER))
        both = two.public_bytes(Encoding.PEM) + one.public_bytes(Encoding.PEM)
        (tmp_path / "bundle.pem").write_bytes(b"# two of them\n" + both)
        run(issue, "--key", tmp_path / "k", "--out", tmp_path / "issuer", "--label", "Phường Vỹ Dạ")
        out = tmp_path / "list.cose"
        sources = (tmp_path / "one.der", tmp_path / "bundle.pem", tmp_path / "issuer" / "issuer.json")
        assert "Trust list 1 with 3 keys" in run(trust_command, "build", *sources, "-o", out).output
        by_use = {key.uses: key for key in trust.load(out)}
        assert by_use[frozenset("vt")].kind is Kind.HCERT
        assert by_use[frozenset("vt")].kid == one.fingerprint(SHA256())[:8]
        shown = run(trust_command, "show", out).output
        assert "signature good" in shown
        assert "t,v" in shown
        assert "Phường Vỹ Dạ" in shown
        assert '"number": 1' in run(trust_command, "show", out, "--json").output

    def test_a_certificate_may_come_as_bare_base64(self, tmp_path: Path) -> None:
        made = certificate(self.EC_KEY)
        (tmp_path / "c").write_bytes(base64.encodebytes(made.public_bytes(Encoding.DER)))
        (key,) = lists.read_source(tmp_path / "c")
        assert key.kid == made.fingerprint(SHA256())[:8]

    def test_the_number_rises_with_each_list(self, tmp_path: Path) -> None:
        (tmp_path / "c").write_bytes(certificate(self.EC_KEY).public_bytes(Encoding.DER))
        for number in (1, 2, 3):
            assert f"list {number}" in run(trust_command, "build", tmp_path / "c", "-o", tmp_path / "l").output

    def test_a_list_of_another_root_is_not_built_upon(self, tmp_path: Path) -> None:
        (tmp_path / "c").write_bytes(certificate(self.EC_KEY).public_bytes(Encoding.DER))
        run(trust_command, "build", tmp_path / "c", "-o", tmp_path / "l")
        run(trust_command, "root", "--key", tmp_path / "elsewhere.key")
        found = trouble(
            trust_command, "build", tmp_path / "c", "-o", tmp_path / "l", "--root-key", tmp_path / "elsewhere.key"
        )
        assert isinstance(found, ListTrouble)

    def test_a_locked_root_key(self, tmp_path: Path) -> None:
        (tmp_path / "p").write_text("secret")
        (tmp_path / "c").write_bytes(certificate(self.EC_KEY).public_bytes(Encoding.DER))
        options = ("--password-file", tmp_path / "p")
        run(trust_command, "root", "--key", tmp_path / "root.key", *options)
        run(trust_command, "build", tmp_path / "c", "-o", tmp_path / "l", *options)
        assert isinstance(trouble(trust_command, "build", tmp_path / "c", "-o", tmp_path / "l"), KeyFileTrouble)

    @pytest.mark.parametrize("content", [b"", b"hello", b"{}", b"{", b'{"public_key": 1}'])
    def test_a_source_of_another_form_is_named(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "c").write_bytes(content)
        found = trouble(trust_command, "build", tmp_path / "c", "-o", tmp_path / "l")
        assert isinstance(found, ListTrouble)
        assert "neither a certificate (DER or PEM) nor an issuer's public file" in str(found)

    def test_keys_that_sign_no_code_here_are_refused(self, tmp_path: Path) -> None:
        key = Ed25519PrivateKey.generate()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
        signed = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW_AT, NOW_AT + timedelta(days=1)).sign(
            key, None
        )
        (tmp_path / "c").write_bytes(signed.public_bytes(Encoding.DER))
        with pytest.raises(ListTrouble):
            lists.read_source(tmp_path / "c")
        rsa_pem = (
            rsa.generate_private_key(65537, 2048)
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        (tmp_path / "i").write_text(json.dumps({"public_key": rsa_pem.decode()}))
        with pytest.raises(ListTrouble):
            lists.read_source(tmp_path / "i")


class TestDenyCommand:
    def test_a_pass_is_withdrawn_by_the_register(self, tmp_path: Path) -> None:
        run(issue, "--key", tmp_path / "k", "--out", tmp_path)
        out = tmp_path / "deny.cose"
        assert "Denylist 1 with 1 passes" in run(deny, "add", "--from", tmp_path / "register.csv", "-o", out).output
        (row,) = registered(tmp_path)
        assert row["serial"] in run(deny, "show", out).output
        assert denylist.load(out).entries == {bytes.fromhex(row["serial"])}

    def test_withdrawals_add_up_until_a_list_is_begun_anew(self, tmp_path: Path) -> None:
        out = tmp_path / "deny.cose"
        run(deny, "add", "00" * 10, "11" * 10, "-o", out)
        run(deny, "add", "22" * 10, "--uvci", "URN:UVCI:01:VN:1", "-o", out)
        assert len(denylist.load(out).entries) == 4
        run(deny, "add", "33" * 10, "--anew", "-o", out)
        found = denylist.load(out)
        assert (found.number, found.entries) == (3, frozenset({b"\x33" * 10}))

    @pytest.mark.parametrize("serial", ["xyz", "00", "00" * 11])
    def test_what_is_no_serial_is_refused(self, tmp_path: Path, serial: str) -> None:
        result = CliRunner().invoke(deny, ["add", serial, "-o", str(tmp_path / "d")])
        assert result.exit_code == 2
        assert "is not a serial of 20 hex digits" in result.output

    def test_a_withdrawn_hcert_is_refused(self, tmp_path: Path) -> None:
        subject = WORLD["hcert"].subject
        assert subject is not None
        run(deny, "add", "--uvci", subject.identifiers[0].value, "-o", tmp_path / "d")
        verifier = Dispatcher(trust.parse(WORLD.trust_list, WORLD.root_pem), denylist.load(tmp_path / "d"))
        assert verifier.verify(WORLD["hcert"].data, moment()).kind is Kind.HCERT
        assert not isinstance(verifier.verify(WORLD["hcert"].data, moment()), Claim)
        assert isinstance(verifier.verify(WORLD["revoked"].data, moment()), Claim)
