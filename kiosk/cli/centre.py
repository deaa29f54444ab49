"""`kiosk centre`: the reference centre as a process."""

import difflib
import json
import logging
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kiosk.system.wakeup import Doorbell
from mqtt.centre import fleet_status, unsealing
from mqtt.centre.ingest.collector import Collector
from mqtt.centre.ingest.database import open_ledger
from mqtt.centre.ingest.ledger import LedgerTrouble
from mqtt.connection import Endpoint, Link, LinkRefused, Message
from mqtt.paho.connection import PahoLink


def endpoint_of(text: str) -> tuple[str, int]:
    """`host:port` in two. Raises click.BadParameter."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise click.BadParameter(f"{text!r} is not host:port", param_hint="--broker")
    return host, int(port)


def read_config(context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """Take the options' defaults from a TOML file whose keys are the options' names. Raises click.ClickException."""
    if path is None:
        return None
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as trouble:
        raise click.ClickException(f"{path}: cannot be used: {trouble}") from trouble
    known = {str(option.name) for option in context.command.params}
    for key in found:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(sorted(known))}."
            raise click.ClickException(f"{path}: {key}: no such setting; {hint}")
    context.default_map = found
    return path


@click.group(invoke_without_command=True)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    callback=read_config,
    is_eager=True,
    expose_value=False,
    help='TOML file with any of these options, for example: database = "postgresql://centre@db/entrance".',
)
@click.option("--broker", default="localhost:1883", show_default=True, help="host:port of the MQTT broker.")
@click.option("--mqtt-version", type=click.Choice(["5", "3.1.1"]), default="5", show_default=True)
@click.option("--database", default="centre.db", show_default=True, help="A file, or postgresql://user@host/name.")
@click.option(
    "--retention-days", type=click.IntRange(1, 3650), help="Delete passages that came earlier; for ever where left out."
)
@click.option("--share", help="Group of centres side by side on one PostgreSQL: each passage goes to one of them.")
@click.option(
    "--drain-per-s",
    type=click.FloatRange(1, 1e6),
    help="How fast each device may send its backlog, passages per second.",
)
@click.option("--site-root", default="entrance", show_default=True, help="First word of every topic.")
@click.option("--name", default="centre-1", show_default=True, help="This centre's client id at the broker.")
@click.option("--ca", type=click.Path(path_type=Path), help="CA of the broker's certificate: switches TLS on.")
@click.option("--certificate", type=click.Path(path_type=Path), help="This centre's certificate.")
@click.option("--key", type=click.Path(path_type=Path), help="Its private key.")
@click.pass_context
def centre(  # noqa: PLR0917  click passes by name
    context: click.Context,
    broker: str,
    mqtt_version: str,
    database: str,
    retention_days: int | None,
    share: str | None,
    backlog_rate_per_s: float | None,
    topic_prefix: str,
    name: str,
    ca: Path | None,
    certificate: Path | None,
    key: Path | None,
) -> None:
    """Collect passages, keep each once, send receipts. Ends on SIGTERM or Ctrl-C."""
    context.obj = database
    if context.invoked_subcommand is not None:
        return
    host, port = endpoint_of(broker)
    where = Endpoint(
        host,
        port,
        "5" if mqtt_version == "5" else "3.1.1",
        tls=ca is not None,
        ca=ca,
        certificate=certificate,
        key=key,
    )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s centre %(levelname)s %(message)s", stream=sys.stderr)
    try:
        run(where, database, topic_prefix, name, share=share, retention_days=retention_days, backlog_rate_per_s=backlog_rate_per_s)
    except (LedgerTrouble, LinkRefused) as trouble:
        raise click.ClickException(str(trouble)) from trouble


@centre.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per device.")
@click.pass_obj
def status(database: str, *, as_json: bool) -> None:
    """List devices: last seen, what is missing, who is silent. Exit status 1 where anything is missing or silent."""
    try:
        found = fleet_status.devices(database, datetime.now(UTC))
    except LedgerTrouble as trouble:
        raise click.ClickException(str(trouble)) from trouble
    for one in found:
        click.echo(json.dumps(asdict(one), default=str) if as_json else "\n".join(_lines(one)))
    if not found:
        click.echo("No device was ever heard.", err=True)
    if any(one.silent or any(stream.missing for stream in one.streams) for one in found):
        raise SystemExit(1)


def _lines(device: fleet_status.Device) -> Iterator[str]:
    state = f"{device.state or 'never told its state'}{f' ({device.state_reason})' if device.state_reason else ''}"
    silent = ", SILENT" if device.silent else ""
    yield f"{device.site}/{device.device}: {state}{silent}, last seen {device.last_seen_at:%Y-%m-%d %H:%M:%S} UTC"
    for stream in device.streams:
        gaps = f"missing {fleet_status.spans(stream.missing)}" if stream.missing else "complete"
        yield f"  epoch {stream.epoch}: 1-{stream.newest_seq}, {gaps}; {stream.doubled} came twice"
        if stream.conflicting:
            yield f"  {stream.conflicting} passages share a number with another: was a database copied, or a name used twice?"
    for notice in device.notices:
        yield f"  the device says: {notice.records} records {notice.kind}, last on {notice.last_at}"
    if device.rejected:
        yield f"  {device.rejected} passages were refused; the device keeps them in quarantine"


@centre.command(name="open")
@click.option("--key", "key_path", type=click.Path(path_type=Path), required=True, help="The private sealing key, PEM.")
@click.option("--site", required=True)
@click.option("--device", help="One gate of the site; all of them where left out.")
@click.option("--since", required=True, type=click.DateTime(), help="UTC.")
@click.option("--until", required=True, type=click.DateTime(), help="UTC.")
@click.option("--who", required=True, help="The name of the officer who asks.")
@click.option("--reason", default="", help="Why: case number and purpose.")
@click.pass_obj
def open_(
    database: str,
    *,
    key_path: Path,
    site: str,
    device: str | None,
    since: datetime,
    until: datetime,
    requested_by: str,
    reason: str,
) -> None:
    """Unseal who passed at a place and time, one JSON line each. Every use is written to the audit table first."""
    try:
        since, until = since.replace(tzinfo=UTC), until.replace(tzinfo=UTC)
        question = unsealing.Question(site, since, until, requested_by, reason, device)
        for one in unsealing.open_passages(database, _sealing_key(key_path), question, datetime.now(UTC)):
            click.echo(json.dumps({**asdict(one), "id": str(one.id)}, ensure_ascii=False))
    except (OSError, ValueError, LedgerTrouble) as trouble:
        raise click.ClickException(f"nothing was opened: {trouble}") from trouble


def _sealing_key(path: Path) -> X25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    if isinstance(key, X25519PrivateKey):
        return key
    raise click.ClickException(f"nothing was opened: {path} is not an X25519 key")


def run(
    endpoint: Endpoint,
    database: str,
    topic_prefix: str,
    name: str,
    *,
    share: str | None = None,
    retention_days: int | None = None,
    backlog_rate_per_s: float | None = None,
) -> None:
    """Collect until SIGTERM or Ctrl-C. Raises LedgerTrouble."""
    ledger = open_ledger(database)

    def connect(will: Message) -> Link:
        return PahoLink(endpoint, name, will=will, keep_session=True)

    collector = Collector(topic_prefix, ledger, connect, share_group=share, backlog_events_per_s=backlog_rate_per_s)
    swept: date | None = None
    try:
        with Doorbell() as bell:
            while not bell.stop_asked:
                bell.wait(collector.step())
                today = datetime.now(UTC).date()
                if retention_days is not None and today != swept:
                    swept = today
                    for gone in ledger.drop_before(today - timedelta(days=retention_days)):
                        logging.getLogger(__name__).info("retention: deleted %s", gone)
    finally:
        collector.close()
        ledger.close()
