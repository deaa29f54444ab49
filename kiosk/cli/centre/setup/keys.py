"""Makes the keys and certificates of a new centre, in memory and in a scratch folder."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from kiosk.cli.centre.setup import offline_names, shares
from kiosk.cli.centre.setup.answers import SetupAnswers
from kiosk.core import file_names
from kiosk.credentials.issuing.key_files import public_key_pem
from mqtt.broker.certificates import CertificateAuthority, CertificateUse
from mqtt.broker.key_password import locked_pem

SERVER_DAYS = 730
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
"""The centre reaches a broker on its own machine by this name."""


@dataclass(frozen=True, slots=True)
class MadeKeys:
    """What was made."""

    files: dict[str, bytes]
    """Contents by name."""
    sealing_fingerprint: str


def make_keys(answers: SetupAnswers, scratch: Path, now: datetime) -> MadeKeys:
    """All keys and certificates. `scratch`: an empty folder for the authority, which the caller deletes. Raises PkiError."""
    files = _certificates(answers, scratch, now)
    password = answers.password.encode()
    files[offline_names.LOCKED_AUTHORITY_KEY] = locked_pem(files["ca.key"], password)
    root = Ed25519PrivateKey.generate()
    files[file_names.ROOT_PRIVATE_KEY] = root.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)
    )
    files[file_names.ROOT_PUBLIC_KEY] = public_key_pem(root)
    fleet = Ed25519PrivateKey.generate()  # without a password: the running centre signs commands with it
    files[file_names.FLEET_PRIVATE_KEY] = fleet.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files[file_names.FLEET_PUBLIC_KEY] = public_key_pem(fleet)
    sealing = make_sealing_files(password, has_holders=answers.has_holders)
    backup = pyrage.x25519.Identity.generate()
    files[offline_names.BACKUP_PRIVATE_KEY] = pyrage.passphrase.encrypt(f"{backup}\n".encode(), answers.password)
    files[offline_names.BACKUP_PUBLIC_KEY] = f"{backup.to_public()}\n".encode()
    return MadeKeys(files | sealing.files, sealing.sealing_fingerprint)


def make_sealing_files(password: bytes, *, has_holders: bool) -> MadeKeys:
    """A new sealing key: its public half, and the private one with a password or as three shares of which two are needed."""
    key = X25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    fingerprint = shares.fingerprint(key.public_key())
    files = {file_names.SEALING_PUBLIC_KEY: public}
    if has_holders:
        raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        for number, words in enumerate(shares.split(raw), 1):
            name = f"{offline_names.SEALING_SHARE}{number}.txt"
            files[name] = f"{words}\n".encode()
    else:
        files[offline_names.SEALING_PRIVATE_KEY] = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)
        )
    return MadeKeys(files, fingerprint)


def _certificates(answers: SetupAnswers, scratch: Path, now: datetime) -> dict[str, bytes]:
    authority = CertificateAuthority.create(scratch, f"{answers.organisation} entrance authority"[:64], now)
    hosts = [*answers.hosts, *(host for host in _LOCAL_HOSTS if host not in answers.hosts)]
    authority.issue("broker", CertificateUse.SERVER, now, SERVER_DAYS, hosts)
    authority.issue("centre", CertificateUse.CLIENT, now, SERVER_DAYS)
    authority.issue("web", CertificateUse.SERVER, now, SERVER_DAYS, hosts)
    return {path.name: path.read_bytes() for path in scratch.iterdir()}
