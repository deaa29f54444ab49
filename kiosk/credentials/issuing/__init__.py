"""Making passes: signing keys, signed passes, printed cards and posters."""

from kiosk.credentials.issuing.passes import CARD_CAPACITY, IssuerKey, make_key, prove, sign_pass

__all__ = ["CARD_CAPACITY", "IssuerKey", "make_key", "prove", "sign_pass"]
