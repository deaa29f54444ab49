"""Issuing passes: signing keys, signed passes, printed cards and posters."""

from kiosk.credentials.issuing.passes import (
    MAX_CARD_CHARACTERS,
    IssuerKey,
    make_issuer_key,
    make_rotating_pass,
    sign_pass,
)

__all__ = ["MAX_CARD_CHARACTERS", "IssuerKey", "make_issuer_key", "make_rotating_pass", "sign_pass"]
