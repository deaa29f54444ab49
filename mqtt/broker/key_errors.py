"""What the library `cryptography` raises for a key that it cannot read. For certificates: mqtt/broker/certificate_errors.py."""

from cryptography.exceptions import InternalError, UnsupportedAlgorithm

UNREADABLE_KEY = (ValueError, TypeError, UnsupportedAlgorithm, InternalError)
"""Of all functions that load a key from any bytes.

UnsupportedAlgorithm: a key of a kind that the library does not know. InternalError: OpenSSL left an error that the library
does not know. A missing password, or one too many, is a TypeError.
"""
