"""Codes shown by mistake are told apart by what they are: payments, places, contacts, networks."""

import pytest

from kiosk.core.model import CodeKind, Reason, Refusal
from tests.fakes.data.people import dispatcher, moment

PAYMENTS = (
    "2|99|0901234567|NGUYEN VAN A|a@b.vn|0|0|10000||transfer_myqr",
    "2|99|0901234567|NGUYEN VAN A|a@b.vn|0",
    "2|99|0901234567|||0|0|0||transfer_p2p",
    "2|1|84901234567|NGUYEN VAN A",
    "00020101021138540010A00000072701240006970436",
    "00020101021238540010A000000727",
    "00020126480010A0000007750110",
    "000201010211260006VNPAY0",
    "hQVDUFYwMWFAiwE=",
    "momo://payment?phone=0901234567",
    "https://me.momo.vn/abc",
    "https://qr.zalopay.vn/x",
    "HTTPS://PAY.VNPAY.VN/1",
    "https://img.vietqr.io/image/970436-1.png",
    "zalopay://app?x=1",
    "970436|0011001234567|NGUYEN VAN A",
    "BCD\n002\n1\nSCT\nXXXX\nA\nDE00\nEUR1\n\n\nx",
    "SPC\n0200\n1\nCH44",
    "upi://pay?pa=x@y",
    "bitcoin:bc1qxy2kgdygjrsqtzq2n0yrf2493p83kkfjhx0wlh",
    "1|K26TAA|123|0312345678|27112026|100000|x",
    "1|C22TAA|00000123|0101234567|2026-11-27|110000|10000",
    "0312345678|1/001|C22T|1234|2022-01-01|100000|x|y",
    "0101234567-001|1|C26MYY|55|27/11/2026|1500000",
    "046087001234|1|C26TAA|55|27/11/2026|1500000|x|y",
    "046087001234|27/11/2026|1500000|1|C26TAA|5|x|y",
    "1|k26taa|123|0312345678|27112026|100000|x",
    "01GTKT0/001|AA/20E|0000123|0101234567|01/12/2020|1000|x",
)
PLACES = (
    "https://qr.tokhaiyte.vn/?id=1",
    "qr.tokhaiyte.vn/checkin?id=1",
    "tokhaiyte.vn",
    "WWW.HUE.GOV.VN",
    "URL:https://qr.vn/1",
    "URLTO:http://example.org",
    "https://zaloapp.com/qr/p/xxx",
    "http://example.org/a|b|c|d|e|f|g",
)
OTHERS = {
    "wi-fi": "WIFI:S:x;T:WPA;P:y;;",
    "contact": "BEGIN:VCARD\nVERSION:3.0\nN:Nguyen\nEND:VCARD",
    "telephone": "tel:0912345678",
    "mail": "mailto:a@b.vn",
    "place": "geo:16.46,107.59",
    "calendar": "BEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT",
    "login": "otpauth://totp/x?secret=y",
    "boarding-pass": "M1NGUYEN/VANA         EABC123 HANHUIVN 1543 331Y012A0001 100",
    "certificate-of-another-country": "NL2:ABC",
    "smart-health-card": "shc:/56762909",
    "vds-nc": '{"sig":{"alg":"ES256"},"data":{"msg":{},"hdr":{"is":"UTO"}}}',
    "cowin": '{"evidence":[],"type":["VerifiableCredential"],"credentialSubject":{"name":"x"}}',
    "device-setup": "LPA:1$smdp.example$x",
}
ENDS = ("", "\ufeff", "\n", "\r\n", " ", "\u200b", "\x00")


def refused(code: str) -> Refusal:
    answer = dispatcher().verify(code.encode(), moment())
    assert isinstance(answer, Refusal), answer
    return answer


@pytest.mark.parametrize("end", ENDS, ids=repr)
@pytest.mark.parametrize("code", PAYMENTS)
def test_a_payment_code_asks_for_a_personal_code(code: str, end: str) -> None:
    answer = refused(end + code + end)
    assert (answer.kind, answer.reason) == (CodeKind.PAYMENT_CODE, Reason.PAYMENT_CODE)


@pytest.mark.parametrize("end", ENDS, ids=repr)
@pytest.mark.parametrize("code", PLACES)
def test_a_link_is_a_place(code: str, end: str) -> None:
    answer = refused(end + code + end)
    assert (answer.kind, answer.reason) == (CodeKind.VENUE_CODE, Reason.VENUE_CODE)


@pytest.mark.parametrize("end", ENDS, ids=repr)
@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_are_unsupported_and_named(name: str, end: str) -> None:
    answer = refused(end + OTHERS[name] + end)
    assert (answer.kind, answer.reason, answer.evidence) == (CodeKind.UNSUPPORTED, Reason.UNSUPPORTED, name)


@pytest.mark.parametrize(
    "code",
    [
        "SP-0001|12|Gạo|25kg|Kho 1|x|y",
        "a|b|c|d|e|f",
        "NV000123|Nguyen Van A|Phòng 3|1|x|y",
        "8934567890123|Sữa|1|2|3|4|5",
        "|||||||",
        "893456789012|12|345|67|8|9|10|11",
        "893456789012|SP01|Gạo|25kg",
        "{}",
    ],
)
def test_a_table_of_another_kind_is_unknown_and_not_a_damaged_card(code: str) -> None:
    answer = refused(code)
    assert (answer.kind, answer.reason) == (CodeKind.UNKNOWN, Reason.UNKNOWN_CODE)
