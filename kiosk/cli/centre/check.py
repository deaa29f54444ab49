"""`kiosk centre check`: whether certificates, keys, names and lists of this centre belong together, in words."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from mqtt.broker.certificate_errors import UNREADABLE_CERTIFICATE
from mqtt.broker.key_errors import UNREADABLE_KEY
from mqtt.centre.backup.encrypted_file import parse_recipient
from mqtt.centre.backup.records import CopyError
from mqtt.centre.ingest.database import open_query
from mqtt.centre.ingest.ledger_error import LedgerError
from mqtt.printable_text import printable

SOON = timedelta(days=30)


@click.command()
@click.pass_context
def check(context: click.Context) -> None:
    """Check the files of centre.toml: certificate against key, authority and name, the revocation list, and the database.

    Prints a sentence for each mistake. Exit status 1 if there is any.
    """
    assert context.parent is not None
    options, tables = context.parent.params, context.parent.default_map or {}
    found = list(find_mistakes(options, tables, datetime.now(UTC)))
    for text in found:
        click.echo(printable(text), err=True)
    if found:
        raise SystemExit(1)
    click.echo("Certificates, keys, names and database belong together.")


def find_mistakes(options: Mapping[str, Any], tables: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """One sentence for each mistake. `tables`: those of centre.toml."""
    authority = None
    if options.get("ca"):
        authority, mistake = _load(Path(options["ca"]))
        if mistake:
            yield mistake
    pairs: list[tuple[str, Any, Any, str]] = [
        ("", options.get("certificate"), options.get("key"), str(options.get("name")))
    ]
    web = tables.get("web", {})
    pairs.append(("web.", web.get("certificate"), web.get("key"), ""))
    for table, certificate, key, _ in pairs:
        if certificate:
            yield from _pair_mistakes(table, Path(certificate), Path(key) if key else None, authority, now)
    yield from _name_mistakes(options, web)
    yield from _list_mistakes(tables.get("revoke", {}).get("crl"), authority)
    recipient = tables.get("backup", {}).get("recipient")
    if recipient:
        yield from _recipient_mistakes(Path(recipient))
    try:
        with open_query(str(options["database"])) as query:
            query("SELECT count(*) FROM device")
    except LedgerError as error:
        yield f"database: {error}"


def _load(path: Path) -> tuple[x509.Certificate | None, str]:
    """The certificate, or None and what is wrong."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()), ""
    except OSError as error:
        return None, f"{path} cannot be read: {error.strerror}."
    except UNREADABLE_CERTIFICATE:
        return None, f"{path} is not a certificate in PEM form."


def _pair_mistakes(
    table: str, path: Path, key_path: Path | None, authority: x509.Certificate | None, now: datetime
) -> Iterator[str]:
    certificate, mistake = _load(path)
    if certificate is None:
        yield f"{table}certificate: {mistake}"
        return
    if certificate.not_valid_after_utc < now:
        yield f"{table}certificate: {path} ended on {certificate.not_valid_after_utc:%Y-%m-%d}. Make a new one: kiosk pki"
    elif certificate.not_valid_after_utc < now + SOON:
        yield f"{table}certificate: {path} ends on {certificate.not_valid_after_utc:%Y-%m-%d}. Renew it: kiosk pki"
    if authority is not None:
        try:
            certificate.verify_directly_issued_by(authority)
        except (*UNREADABLE_CERTIFICATE, InvalidSignature):
            yield f"{table}certificate: {path} is of another authority than ca."
    if key_path is not None:
        yield from _key_mistakes(table, key_path, path, certificate)


def _key_mistakes(table: str, key_path: Path, path: Path, certificate: x509.Certificate) -> Iterator[str]:
    try:
        key = load_pem_private_key(key_path.read_bytes(), None)
        is_pair = _der(key.public_key()) == _der(certificate.public_key())
    except OSError as error:
        yield f"{table}key: {key_path} cannot be read: {error.strerror}."
    except TypeError:
        yield f"{table}key: {key_path} is locked with a password, which no service can type."
    except UNREADABLE_KEY:
        yield f"{table}key: {key_path} is not a private key in PEM form."
    else:
        if not is_pair:
            yield f"{table}key: {key_path} does not belong to {path}."


def _der(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _name_mistakes(options: Mapping[str, Any], web: Mapping[str, Any]) -> Iterator[str]:
    """The broker knows the centre by its common name. A browser knows the pages by their host names."""
    certificate = _load(Path(options["certificate"]))[0] if options.get("certificate") else None
    if certificate is not None:
        name = _common_name(certificate)
        if name != "centre" and not name.startswith("centre-"):
            yield f"certificate: its name is {name}, but the broker expects centre, centre-2 ... for a centre."
    pages = _load(Path(web["certificate"]))[0] if web.get("certificate") else None
    if pages is None:
        return
    known = _hosts(pages)
    wanted = web.get("allowed_hosts") or web.get("allowed_host") or ()
    for host in [wanted] if isinstance(wanted, str) else wanted:
        if host not in known:
            yield f"web.allowed_host: {host} is not a name of {web['certificate']}: {', '.join(sorted(known))}."


def _list_mistakes(path: Any, authority: x509.Certificate | None) -> Iterator[str]:
    if not path or authority is None:
        return
    try:
        crl = x509.load_pem_x509_crl(Path(path).read_bytes())
    except OSError as error:
        yield f"revoke.crl: {path} cannot be read: {error.strerror}."
    except UNREADABLE_CERTIFICATE:
        yield f"revoke.crl: {path} is not a revocation list in PEM form."
    else:
        if not _is_signed_by(crl, authority):
            yield f"revoke.crl: {path} is of another authority than ca."


def _is_signed_by(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]  # another key is a TypeError
    except UNREADABLE_CERTIFICATE:
        return False


def _common_name(certificate: x509.Certificate) -> str:
    """Empty: it has none that can be read."""
    try:
        found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except UNREADABLE_CERTIFICATE:
        return ""
    return str(found[0].value) if found else ""


def _hosts(certificate: x509.Certificate) -> set[str]:
    """The host names and addresses of a server. None if it has none that can be read."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, *UNREADABLE_CERTIFICATE):
        return set()
    return {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}


def _recipient_mistakes(path: Path) -> Iterator[str]:
    try:
        parse_recipient(path.read_text(encoding="utf-8"))
    except OSError as error:
        yield f"backup.recipient: {path} cannot be read: {error.strerror}."
    except (CopyError, UnicodeDecodeError) as error:
        yield f"backup.recipient: {path}: {error}"
