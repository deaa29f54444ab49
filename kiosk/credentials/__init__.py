"""Verification of codes: bytes in, a claim or a refusal out. Never raises, whatever the bytes."""

from kiosk.credentials.verifier import CredentialVerifier, is_known_format

__all__ = ["CredentialVerifier", "is_known_format"]
