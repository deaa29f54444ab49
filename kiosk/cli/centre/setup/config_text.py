"""The text of a new centre.toml. Pure."""

import json

from kiosk.cli.centre.setup import offline_names
from kiosk.cli.centre.setup.answers import SetupAnswers
from kiosk.cli.centre.setup.places import SetupPlaces
from kiosk.core import file_names

WEB_PORT = 8090
ENROLMENT_PORT = 8446
BROKER_PORT = 8883
RETENTION_DAYS = 21


def _list_url(answers: SetupAnswers) -> str:
    """The enrolment service has the lists. With the authority offline there is none."""
    if answers.is_authority_offline:
        return ""
    address = f"https://{_in_url(answers.hosts[0])}:{ENROLMENT_PORT}/lists"
    return f"# Where kiosks download lists that fit no message.\nlist_url = {_text(address)}\n"


def centre_toml(answers: SetupAnswers, places: SetupPlaces, database: str) -> str:
    """`database`: a file, or the address of PostgreSQL, perhaps with a password."""
    folder = places.shown(places.centre)
    pki = _text(places.shown(places.authority))
    for_kiosks = places.shown(places.for_kiosks)
    hosts = ", ".join(map(_text, answers.hosts))
    return f"""\
# Settings of the centre: the options of `kiosk centre`, with _ in place of -. A table has the options of one command.
broker = "localhost:8884"
ca = {_text(f"{folder}/{file_names.CA_CERTIFICATE}")}
certificate = {_text(f"{folder}/centre.pem")}
key = {_text(f"{folder}/centre.key")}
database = {_text(database)}
# Signs commands to kiosks.
fleet_key = {_text(f"{folder}/{file_names.FLEET_PRIVATE_KEY}")}
{_list_url(answers)}# Days that events are kept. Choose what the privacy notice promises.
retention_days = {RETENTION_DAYS}

[web]
host = "::"
port = {WEB_PORT}
certificate = {_text(f"{folder}/web.pem")}
key = {_text(f"{folder}/web.key")}
allowed_host = [{hosts}]
organisation = {_text(answers.organisation)}

[backup]
recipient = {_text(f"{folder}/{offline_names.BACKUP_PUBLIC_KEY}")}
folder = "/var/backups/entrance-centre"
keep = 14

[enrol.serve]
pki = {pki}
certificate = {_text(f"{folder}/web.pem")}
key = {_text(f"{folder}/web.key")}

[enrol.set-up]
url = {_text(f"https://{_in_url(answers.hosts[0])}:{ENROLMENT_PORT}")}
broker = {_text(f"{_in_url(answers.hosts[0])}:{BROKER_PORT}")}
ca = {_text(f"{folder}/{file_names.CA_CERTIFICATE}")}
root = {_text(f"{for_kiosks}/{file_names.ROOT_PUBLIC_KEY}")}
sealing_key = {_text(f"{for_kiosks}/{file_names.SEALING_PUBLIC_KEY}")}
fleet_key = {_text(f"{for_kiosks}/{file_names.FLEET_PUBLIC_KEY}")}

[revoke]
pki = {pki}
crl = {_text(places.shown(places.broker / "crl.pem"))}
reload = "systemctl reload entrance-broker"
broker = "localhost:{BROKER_PORT}"
"""


def _text(value: str) -> str:
    """A TOML basic string: JSON's escapes are a part of it."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _in_url(host: str) -> str:
    """An IPv6 address stands in brackets (RFC 3986)."""
    return f"[{host}]" if ":" in host else host
