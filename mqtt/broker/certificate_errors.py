"""What the library `cryptography` raises for a certificate, a request or a revocation list that it cannot read."""

from cryptography.x509 import DuplicateExtension, InvalidVersion, UnsupportedGeneralNameType

from mqtt.broker.key_errors import UNREADABLE_KEY

UNREADABLE_CERTIFICATE = (*UNREADABLE_KEY, InvalidVersion, DuplicateExtension, UnsupportedGeneralNameType)
"""Of the functions that load one from any bytes, and of its attributes: the library reads names, keys and extensions late."""
