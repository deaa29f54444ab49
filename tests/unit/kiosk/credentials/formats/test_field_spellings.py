"""Genuine cards with any spelling of a field that does not decide, and with invisible characters at either end, are never red."""

import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.core import rules
from kiosk.core.model import Claim, CodeKind, Outcome, Reason, Refusal, VisitHistory
from kiosk.credentials.formats import fields
from tests.fakes.data.people import WORLD, dispatcher, moment

ID_CARD = ("046047729070", "195875018", "Bùi Quỳnh Anh", "01021947", "Nữ", "12 Lê Lợi, Phú Hội, Huế", "25042021")
NAME = "Bùi Văn Bình"
INSURANCE = (
    "GD4464691434105", NAME.encode().hex(), "01/02/1950", "1", "-", "46 - 001", "01/01/2021", "-", "01/01/2021",
    "46040000000000", "-", "4", "01/01/2020", "15e3c5a2d-7102", "4", "54", "$",
)  # fmt: skip
NATIONAL = ("******536800", "BUI VAN BINH", "1976-01-18", "0", "162979388586171100", "<1<GD4464691434105<0912345678")
WHOLE_NATIONAL = ("001093029317", *NATIONAL[1:])

BORN = (
    "1948", "00001948", "031948", "03/1948", "3/1948", "00/00/1948", "01/02/1948", "1/2/1948", "01-02-1948",
    "01.02.1948", "1948-02-01", "1948-02", "1948-00-00", "19480201", "194802", "01 02 1948", "0000", "00000000", "",
    "-", "--", "0", "1021948", "31021948", "3121948", "01/02/48", " 1948 ", "1948 ", "/ /1948", "//1948",
    "__/__/1948", "01\u00a002\u00a01948",
)  # fmt: skip
SEXES = (
    "Nam", "Nữ", "NAM", "NỮ", "nữ", "Nu", "M", "F", "Male", "Female", "Khác", "Không xác định", "", "-", "0", "1",
    "2", "3", " Nữ ",
)  # fmt: skip
ISSUED = (
    "25042021",
    "25/04/2021",
    "25-04-2021",
    "2021-04-25",
    "042021",
    "2021",
    "",
    "-",
    "00000000",
    "31022021",
    "Không rõ",
)
OLD_NUMBERS = (
    "", "-", "195 875 018", "195.875.018", "195-875-018", "19587501", "0", "Không", "046047729070", "012345678901",
    " 195875018 ",
)  # fmt: skip
NAMES = (
    "H'Hen Niê", "Y-Ban Êban", "NGUYỄN THỊ A", "Nguyễn  Thị   A", "Nguyễn Văn A2",
    unicodedata.normalize("NFD", "Nguyễn Thị Ánh"), "Nguyễn\u00a0Văn\u00a0A", "A",
    "Công Tằng Tôn Nữ Thị " + "Dài " * 30, "Nguyễn (Văn) A.", "NGUYEN VAN A/B",
)  # fmt: skip
ADDRESSES = ("", "-", "Số 1/2, hẻm 3", "12 Lê Lợi\nHuế", "x" * 300, "Tổ dân phố 4; P. Vỹ Dạ <Huế> $5", "Thôn\tPhú Mộng")
EXTRA = (
    "|",
    "||",
    "|||",
    "||Bùi Văn A|Trần Thị B|",
    "|Bùi Văn A|Trần Thị B|",
    "|1|2|3|4|5|6|7|8|9",
    "|\x00\x00",
    "|$",
    "|Không",
)
EXTENSIONS = (
    "", "<", "<1", "1", "1<0", "<1<00<0123", "<2<HS4010120878821<0944713700", "99<1<HS4010120878821<0944<sig",
    "x<y<z", "null",
)  # fmt: skip
ENDS = (
    ("", "\n"), ("", "\r\n"), ("", " "), ("", "\t"), ("", "\x00"), ("", "\u00a0"), ("", "\u200b"), ("", "\ufeff"),
    ("", "\n\n \r\n"), ("\ufeff", ""), ("\n", ""), ("\r\n", ""), (" ", ""), ("\t", ""), ("\u200b", ""),
    ("\u00a0", ""), ("\u200e", "\u200e"), ("\u3000", "\u3000"), ("\ufeff\r\n", "\x00\x00"), ("\u2028", "\u2029"),
    ("\v", "\f"), ("\x1d", "\x04"), ("\u2060", "\u00ad"),
)  # fmt: skip


def join(card: tuple[str, ...], place: int | None = None, value: str = "") -> str:
    return "|".join(value if index == place else part for index, part in enumerate(card))


Row = tuple[CodeKind, str | bytes]


def id_cards() -> Iterator[Row]:
    columns = {1: OLD_NUMBERS, 2: NAMES, 3: BORN, 4: SEXES, 5: ADDRESSES, 6: ISSUED}
    columns[0] = ("046 047 729 070", " 046047729070 ", "046047 729070")
    codes = [join(ID_CARD, place, value) for place, values in columns.items() for value in values]
    codes += [join(ID_CARD) + extra for extra in EXTRA]
    codes += [join(ID_CARD[:count], place) for count in (4, 5, 6) for place in (None, 1)]
    codes += [join(ID_CARD[:count], 3) for count in (5, 6)]
    codes += [join(ID_CARD).replace("|", mark) for mark in (" | ", "|\t", "\n|")]
    yield from ((CodeKind.ID_CARD, code) for code in codes)
    yield CodeKind.ID_CARD, join(ID_CARD).encode("utf-16")
    yield CodeKind.ID_CARD, unicodedata.normalize("NFD", join(ID_CARD)).encode("cp1258", "replace")


def insurance_cards() -> Iterator[Row]:
    columns = {2: BORN, 3: SEXES, 4: ADDRESSES, 8: ISSUED, 12: ISSUED}
    columns[0] = ("4691434105", "gd4464691434105", "GD 4 46 46 91434105", "046047729070")
    columns[1] = (NAME, NAME.encode().hex().upper(), "BUI VAN BINH", "", "-", "zz", "ff")
    columns[7] = ("-", "", "31/12/2099", "1/1/2099", " 31/12/2099 ")
    codes = [join(INSURANCE, place, value) for place, values in columns.items() for value in values]
    codes += [join(INSURANCE) + extra for extra in ("x", "|", "||", "|1|2|$")]
    codes += [join(INSURANCE[:count]) for count in range(8, 17)]
    yield from ((CodeKind.INSURANCE, code) for code in codes)


def national_codes() -> Iterator[Row]:
    columns = {1: NAMES, 2: BORN, 3: ("0", "1", "2", "9", "", " 0 ", "A"), 5: EXTENSIONS}
    columns[2] += ("1976-xx-xx", "**/**/1976", "19**-**-**", "1987-**-**", "1987-0*-1*", "****-**-**", "1987", "****")
    for card in (NATIONAL, WHOLE_NATIONAL):
        codes = [join(card, place, value) for place, values in columns.items() for value in values]
        codes += [join(card) + extra for extra in ("|", "||", "|1|2")]
        yield from ((CodeKind.NATIONAL_QR, code) for code in (*codes, join(card[:5])))
    yield CodeKind.NATIONAL_QR, join(NATIONAL, 1, "*** *** *")
    yield CodeKind.NATIONAL_QR, join(NATIONAL, 4, "1f0c1e2a-9d1f-4f7a-8a52-3d1fb5a2c001")
    documents = ("", "B1234567", "b1234567", "001 093 029 317", "********317")
    yield from ((CodeKind.NATIONAL_QR, join(NATIONAL, 0, value)) for value in documents)
    yield CodeKind.NATIONAL_QR, join(WHOLE_NATIONAL[:4])


TABLE = (*id_cards(), *insurance_cards(), *national_codes())
"""Genuine cards with one field in another spelling."""


def decide(code: str | bytes) -> tuple[CodeKind, Outcome, Reason]:
    answer = dispatcher().verify(code.encode() if isinstance(code, str) else code, moment())
    decision = rules.decide_access(answer, VisitHistory(), rules.AccessPolicy(), 0, moment())
    return answer.kind, decision.outcome, decision.reason


def test_the_table_has_at_least_three_hundred_variants() -> None:
    assert len(set(TABLE)) >= 300


@pytest.mark.parametrize(
    ("kind", "code"), TABLE, ids=lambda value: value if isinstance(value, CodeKind) else repr(value)[:60]
)
def test_a_spelling_of_a_field_that_does_not_decide_is_green(kind: CodeKind, code: str | bytes) -> None:
    assert decide(code) == (kind, Outcome.PASS, Reason.OK)


@pytest.mark.parametrize(
    "label", ["valid", "rotating", "hcert", "national", "id-card", "insurance", "place", "unknown"]
)
@pytest.mark.parametrize(("before", "after"), ENDS, ids=repr)
def test_invisible_characters_at_the_ends_change_nothing(label: str, before: str, after: str) -> None:
    sample = WORLD[label]
    assert decide(before.encode() + sample.data + after.encode()) == (sample.kind, sample.outcome, sample.reason)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("01021947", "1947-02-01"), ("1947", "1947"), ("00001947", "1947"), ("021947", "1947-02"), ("19470201", "1947-02-01"),
        ("1/2/1947", "1947-02-01"), ("2/1947", "1947-02"), ("00/02/1947", "1947-02"), ("31/02/1947", "1947-02"),
        ("1947-02-01", "1947-02-01"), ("20011990", "1990-01-20"), ("19111990", "1990-11-19"), ("20102010", "2010-10-20"),
        ("1947-**-**", "1947"), ("**/**/1947", "1947"),
        ("xx/02/1947", "1947-02"), ("1947-??", "1947"), ("19**", None),
        ("0000", None), ("", None), ("47", None), ("9999", None), ("1/2/3/1947", None), ("٠1021947", None), ("1021947", None),
    ],
)  # fmt: skip
def test_a_birth_date_is_read_as_far_as_it_goes(written: str, read: str | None) -> None:
    assert fields.read_birth_date(written) == read


def test_a_person_is_the_same_in_every_spelling() -> None:
    def identifiers(code: str) -> object:
        answer = dispatcher().verify(code.encode(), moment())
        assert isinstance(answer, Claim)
        return answer.subject.identifiers

    usual = identifiers(join(ID_CARD))
    for old_number in ("195 875 018", "195.875.018", " 195875018"):
        assert identifiers(join(ID_CARD, 1, old_number)) == usual
    assert identifiers("046 047 729 070|195875018|Bùi|1947") == usual
    new_insurance = identifiers(join(INSURANCE, 0, ID_CARD[0]))
    assert usual[:1] == new_insurance  # type: ignore[index]


@pytest.mark.parametrize(
    "code",
    [
        join(ID_CARD, 0, "04604772907"), join(ID_CARD, 0, "0460477290701"), join(ID_CARD, 0, "04604772907O"),
        join(INSURANCE, 0, "469143410"), join(INSURANCE, 0, "G4464691434105"), join(INSURANCE, 6, "31/02/2021"),
        join(INSURANCE, 7, "forever"), join(INSURANCE, 7, "2099"), "|".join([*NATIONAL[:4], "", ""]),
        join(NATIONAL, 4, "12345"), join(NATIONAL, 0, "1234"),
    ],
)  # fmt: skip
def test_what_decides_is_read_strictly(code: str) -> None:
    assert decide(code)[1:] == (Outcome.FAIL, Reason.MALFORMED)


def test_the_validity_of_an_insurance_card_decides() -> None:
    assert decide(join(INSURANCE, 7, "31/12/2021"))[1:] == (Outcome.FAIL, Reason.EXPIRED)
    assert decide(join(INSURANCE, 6, "01/01/2099"))[1:] == (Outcome.FAIL, Reason.NOT_YET_VALID)


INVISIBLE = st.text(st.sampled_from("\x00\t\n\r \u00a0\u200b\u200d\ufeff\u2028\u3000"), max_size=6)
FIELD = st.text(st.characters(codec="utf-8", exclude_characters="|"), max_size=30)


@given(FIELD, FIELD, st.lists(FIELD, min_size=3, max_size=9))
def test_no_content_of_the_other_fields_makes_an_id_card_red(old: str, born: str, more: list[str]) -> None:
    code = "|".join([ID_CARD[0], old, "Bùi Quỳnh Anh", born, *more, "-"])
    answer = dispatcher().verify(code.encode(), moment())
    assert isinstance(answer, Claim) or answer.kind is CodeKind.PAYMENT_CODE


@given(FIELD, FIELD, FIELD, FIELD, st.lists(FIELD, max_size=7))
def test_no_content_of_the_other_fields_makes_an_insurance_card_red(
    name: str, born: str, sex: str, address: str, more: list[str]
) -> None:
    code = "|".join([INSURANCE[0], name, born, sex, address, "46 - 001", "01/01/2021", "-", *more, "$"])
    answer = dispatcher().verify(code.encode(), moment())
    assert isinstance(answer, Claim) or answer.kind is CodeKind.PAYMENT_CODE


@given(st.text(st.characters(codec="utf-8", exclude_characters="|", exclude_categories=["L"]), max_size=20), FIELD)
def test_no_birth_date_and_no_extension_make_a_national_qr_red(born: str, extension: str) -> None:
    answer = dispatcher().verify("|".join([*NATIONAL[:2], born, *NATIONAL[3:5], extension]).encode(), moment())
    assert isinstance(answer, Claim) or answer.kind is CodeKind.PAYMENT_CODE


@given(INVISIBLE, INVISIBLE, st.sampled_from(["valid", "hcert", "national", "id-card", "insurance", "place"]))
def test_any_mixture_of_invisible_characters_is_trimmed(before: str, after: str, label: str) -> None:
    assert fields.trim_code(before.encode() + WORLD[label].data + after.encode()) == WORLD[label].data


@given(st.binary(max_size=400))
def test_trimming_twice_is_trimming_once(data: bytes) -> None:
    once = fields.trim_code(data)
    if data[:2] not in (b"\xff\xfe", b"\xfe\xff") and once[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        assert fields.trim_code(once) == once
        assert once in data


@given(st.text(st.sampled_from("0123456789/-. "), max_size=12))
def test_a_birth_date_is_a_date_or_nothing(value: str) -> None:
    read = fields.read_birth_date(value)
    assert read is None or (read[:4].isdigit() and len(read) in (4, 7, 10))


def test_an_answer_never_shows_a_field_in_its_evidence() -> None:
    answer = dispatcher().verify(join(ID_CARD, 0, "04604772907").encode(), moment())
    assert isinstance(answer, Refusal)
    assert not any(part in repr(answer) for part in ID_CARD[1:4])
