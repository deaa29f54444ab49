"""The bundle that a kiosk gets after its certificate: keys, lists and configuration values, signed by the CA (COSE_Sign1)."""

import cbor2

from mqtt.broker.certificates import CertificateAuthority
from mqtt.centre.enrolment.settings import CentreEnrolmentSettings

BUNDLE_VERSION = 1
BUNDLE_CONTEXT = b"entrance-kiosk/enrolment-bundle/1"
"""External data of the signature: no other signature of the CA can pass for one of a bundle."""
_COSE_SIGN1_TAG = 18
_PROTECTED = cbor2.dumps({1: -7})  # ES256


def bundle_payload(settings: CentreEnrolmentSettings, site: str, device: str) -> bytes:
    """What is signed: a CBOR map with the names of docs/reference/mqtt.md."""
    files = {
        "root_public_key": settings.root_public_key,
        "sealing_public_key": settings.sealing_public_key,
        "trust_list": settings.trust_list,
    }
    if settings.denylist:
        files["denylist"] = settings.denylist
    if settings.fleet_public_key:
        files["fleet_public_key"] = settings.fleet_public_key
    content = {
        "version": BUNDLE_VERSION,
        "site": site,
        "device": device,
        "brokers": list(settings.brokers),
        "url": settings.url,
        "values": settings.values,
        "files": files,
    }
    return cbor2.dumps(content, canonical=True)


def sign_bundle(authority: CertificateAuthority, payload: bytes) -> bytes:
    """A COSE_Sign1 by the key of the CA."""
    message = cbor2.dumps(["Signature1", _PROTECTED, BUNDLE_CONTEXT, payload])
    parts = [_PROTECTED, {}, payload, authority.sign_message(message)]
    return cbor2.dumps(cbor2.CBORTag(_COSE_SIGN1_TAG, parts), canonical=True)
