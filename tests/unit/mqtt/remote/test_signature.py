"""Tests of the signature of orders: one form, one use, and only the fleet key."""

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import example, given
from hypothesis import strategies as st

from kiosk.credentials.formats import cose
from mqtt.remote.signature import (
    MAX_ORDER_BYTES,
    FleetKeyError,
    OrderUse,
    load_fleet_private_key,
    load_fleet_public_keys,
    open_order,
    sign_order,
)
from tests.fakes.parts.commands import FLEET_KEY, OTHER_KEY

KEYS = (FLEET_KEY.public_key(),)
PEM = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@given(st.binary(max_size=2_000))
@example(b"x" * 23)
@example(b"x" * 24)
@example(b"x" * 255)
@example(b"x" * 256)
@example(b"x" * 65_300)
@example(b"x" * 65_536)
def test_a_signed_order_is_opened_and_is_a_cose_sign1_of_rfc_9052(payload: bytes) -> None:
    data = sign_order(FLEET_KEY, OrderUse.COMMAND, payload)
    if len(data) > MAX_ORDER_BYTES:
        assert open_order(KEYS, OrderUse.COMMAND, data) is None
        return
    assert open_order(KEYS, OrderUse.COMMAND, data) == payload
    parsed = cose.parse_sign1(data)
    assert cose.is_signature_valid(KEYS[0], parsed.signature, parsed.signature_input(OrderUse.COMMAND.value))


@given(st.binary(max_size=200), st.data())
def test_an_order_with_any_changed_added_or_missing_byte_is_not_opened(payload: bytes, data: st.DataObject) -> None:
    order = bytearray(sign_order(FLEET_KEY, OrderUse.COMMAND, payload))
    place = data.draw(st.integers(0, len(order) - 1))
    change = data.draw(st.sampled_from(["flip", "cut", "insert", "end"]))
    if change == "flip":
        order[place] ^= data.draw(st.integers(1, 255))
    elif change == "cut":
        del order[place]
    elif change == "insert":
        order.insert(place, data.draw(st.integers(0, 255).filter(lambda byte: byte != order[place])))
    else:
        order.append(0)
    assert open_order(KEYS, OrderUse.COMMAND, bytes(order)) is None


@given(st.binary(max_size=400))
def test_no_other_bytes_are_opened(data: bytes) -> None:
    assert open_order(KEYS, OrderUse.COMMAND, data) is None


def test_an_order_by_another_key_without_a_key_or_for_another_use_is_not_opened() -> None:
    order = sign_order(FLEET_KEY, OrderUse.COMMAND, b"payload")
    assert open_order((OTHER_KEY.public_key(),), OrderUse.COMMAND, order) is None
    assert open_order((), OrderUse.COMMAND, order) is None
    of_a_list = cose.make_sign1(FLEET_KEY, b"", b"payload", b"entrance-kiosk list 1")
    assert open_order(KEYS, OrderUse.COMMAND, of_a_list) is None


def test_the_same_content_in_another_form_of_cbor_is_not_opened() -> None:
    order = sign_order(FLEET_KEY, OrderUse.COMMAND, b"payload")
    parts = cbor2.loads(order).value
    for head in (bytes(parts[0]), b"\xbf\x01\x27\xff"):
        other = cbor2.dumps(cbor2.CBORTag(18, [head, {4: b"1"}, parts[2], parts[3]]))
        assert open_order(KEYS, OrderUse.COMMAND, other) is None
    longer_head = order[:7] + b"\x58\x07payload" + order[15:]
    assert order[7:15] == b"\x47payload"
    assert open_order(KEYS, OrderUse.COMMAND, longer_head) is None


def test_while_the_fleet_key_changes_a_device_knows_both() -> None:
    both = FLEET_KEY.public_key().public_bytes(*PEM) + b"\n# the next one\n" + OTHER_KEY.public_key().public_bytes(*PEM)
    keys = load_fleet_public_keys(both)
    for key in (FLEET_KEY, OTHER_KEY):
        assert open_order(keys, OrderUse.COMMAND, sign_order(key, OrderUse.COMMAND, b"payload")) == b"payload"


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----END PUBLIC KEY-----",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        X25519PrivateKey.generate().public_key().public_bytes(*PEM),
        FLEET_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ],
)
def test_a_file_that_is_no_public_fleet_key_is_refused_with_a_sentence(pem: bytes) -> None:
    with pytest.raises(FleetKeyError, match=r"kiosk pki fleet-key"):
        load_fleet_public_keys(pem)


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        FLEET_KEY.public_key().public_bytes(*PEM),
        X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
    ],
)
def test_a_file_that_is_no_private_fleet_key_is_refused_with_a_sentence(pem: bytes) -> None:
    with pytest.raises(FleetKeyError, match=r"[a-z ]+\."):
        load_fleet_private_key(pem)
