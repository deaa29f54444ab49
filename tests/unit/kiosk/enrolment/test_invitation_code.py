"""The code that invites a kiosk: what is written is read back, and nothing else is an invitation."""

from datetime import UTC, datetime

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kiosk.credentials.formats.base45 import decode_base45, encode_base45
from kiosk.credentials.issuing.qr_images import make_qr_code
from kiosk.decoding.still_image import decode_image
from kiosk.enrolment.invitation_code import (
    MAX_TEXT_LENGTH,
    PREFIX,
    InvitationCode,
    InvitationCodeError,
    WifiNetwork,
    encode_invitation,
    is_invitation,
    parse_invitation,
)

END = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
A_CODE = InvitationCode(
    "dong-ba", "gate-7", "https://centre.hue.example:8446", ("broker.hue.example:8883",), b"f" * 32, b"t" * 16, END
)
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True).filter(lambda name: name != "centre")
hosts = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?", fullmatch=True)
ports = st.integers(1, 65535)
networks = st.builds(
    WifiNetwork,
    st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8),
    st.one_of(st.just(""), st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)),
)
codes = st.builds(
    InvitationCode,
    names,
    names,
    st.builds("https://{}:{}".format, hosts, ports),
    st.lists(st.builds("{}:{}".format, hosts, ports), min_size=1, max_size=4).map(tuple),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
    st.integers(1_700_000_000, 4_000_000_000).map(lambda end_s: datetime.fromtimestamp(end_s, UTC)),
    st.one_of(st.none(), networks),
)


@given(code=codes)
def test_what_is_written_is_read_back(code: InvitationCode) -> None:
    assert parse_invitation(encode_invitation(code).encode()) == code


@given(
    data=st.one_of(
        st.binary(max_size=300), st.binary(max_size=200).map(lambda raw: (PREFIX + encode_base45(raw)).encode())
    )
)
@example(data=(PREFIX + encode_base45(cbor2.dumps({1: "a"}))).encode())
def test_any_text_is_read_or_refused_and_what_is_read_is_written_alike(data: bytes) -> None:
    try:
        found = parse_invitation(data)
    except InvitationCodeError:
        return
    assert encode_invitation(found).encode() == data


@given(code=codes, place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_gives_no_other_text_for_the_same_code(code: InvitationCode, place: int, byte: int) -> None:
    raw = bytearray(decode_base45(encode_invitation(code).encode()[len(PREFIX) :]))
    raw[place % len(raw)] = byte
    try:
        found = parse_invitation((PREFIX + encode_base45(bytes(raw))).encode())
    except InvitationCodeError:
        return
    assert encode_invitation(found) == PREFIX + encode_base45(bytes(raw))


@pytest.mark.parametrize(
    "change",
    [
        {1: "Dong Ba"}, {1: "centre"}, {2: ""}, {3: "http://centre:8446"}, {3: "https://centre:8446/path"}, {3: "https://"},
        {3: "https://" + "a" * 300}, {4: []}, {4: ["h:1"] * 5}, {4: ["host"]}, {4: ["h:0"]}, {4: ["h:70000"]}, {4: [1]},
        {5: b"short"}, {6: b"short"}, {6: "text"}, {7: -1}, {7: 2**60}, {7: True}, {7: 1.5}, {8: ["net"]}, {8: ["", "password1"]},
        {8: ["net", "short"]}, {8: ["n" * 33, ""]}, {8: ["net", "mật khẩu dài"]}, {9: 1}, {"x": 1},
    ],
)  # fmt: skip
def test_a_field_that_is_not_allowed_is_refused(change: dict[int | str, object]) -> None:
    content = cbor2.loads(decode_base45(encode_invitation(A_CODE).encode()[len(PREFIX) :]))
    text = PREFIX + encode_base45(cbor2.dumps({**content, **change}, canonical=True))
    with pytest.raises(InvitationCodeError):
        parse_invitation(text.encode())


@pytest.mark.parametrize(
    "data", [b"", b"HUE-E1", b"HUE-E1:", b"HC1:ABC", PREFIX.encode() + b"A" * MAX_TEXT_LENGTH, b"hue-e1:00"]
)
def test_other_texts_are_no_invitation(data: bytes) -> None:
    with pytest.raises(InvitationCodeError):
        parse_invitation(data)


def test_neither_token_nor_password_stands_in_the_text_of_the_object_or_of_an_error() -> None:
    code = InvitationCode(
        "dong-ba",
        "gate-7",
        A_CODE.url,
        A_CODE.brokers,
        b"f" * 32,
        b"secret token 16b",
        END,
        WifiNetwork("net", "password-1"),
    )
    assert "secret" not in repr(code)
    assert "password-1" not in repr(code)
    with pytest.raises(InvitationCodeError) as caught:
        WifiNetwork("net", "pass-1")
    assert "pass-1" not in str(caught.value)


@pytest.mark.parametrize("wifi", [None, WifiNetwork("Chợ Đông Ba 5G", "a long password 1")])
def test_our_own_decoder_reads_the_picture(wifi: WifiNetwork | None) -> None:
    code = InvitationCode(
        "cho-dong-ba", "gate-12", A_CODE.url, ("broker-1.hue.example:8883", "broker-2.hue.example:8883"), b"\xfe" * 32,
        bytes(range(16)), END, wifi,
    )  # fmt: skip
    text = encode_invitation(code)
    found = [reading.data for reading in decode_image(make_qr_code(text).render(4), is_known_format=is_invitation)]
    assert found == [text.encode()]
