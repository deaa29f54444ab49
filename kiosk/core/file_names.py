"""Names of the files that go from the centre to the kiosks: the commands of the issuer and the example configuration use them.

docs/how-to/install.md has the same table.
"""

ROOT_PRIVATE_KEY = "root.key"
"""`kiosk trust root`. Signs the lists, and stays offline."""
ROOT_PUBLIC_KEY = "root.pem"
"""`kiosk trust root`. To each kiosk: `keys.root_public_key`."""
TRUST_LIST = "trust-list.cose"
"""`kiosk trust build`. To each kiosk: `keys.trust_list`."""
DENYLIST = "denylist.cose"
"""`kiosk deny add`. To each kiosk: `keys.denylist`."""
FLEET_PRIVATE_KEY = "fleet.key"
"""`kiosk pki fleet-key`. To the centre, which signs commands with it: `kiosk centre --fleet-key`."""
FLEET_PUBLIC_KEY = "fleet.pem"
"""`kiosk pki fleet-key`. To each kiosk: `keys.fleet_public_key`."""
ISSUER_PUBLIC_FILE = "issuer.json"
"""`kiosk issue`. To the machine with the root key, for `kiosk trust build`."""
CA_CERTIFICATE = "ca.pem"
"""`kiosk pki init`. To broker, centre and each kiosk: `mqtt.ca`."""
SEALING_PUBLIC_KEY = "centre-public.pem"
"""Public sealing key of the centre. To each kiosk: `keys.sealing_public_key`."""
PSEUDONYM_KEY = "pseudonym.key"
"""Made on the kiosk by the installer: `keys.pseudonym_key`."""
PRIVATE_FOLDER = "private"
"""Folder beside the configuration for private keys. Only root can read it."""


def device_certificate(site: str, device: str) -> str:
    """`kiosk pki device`. To this kiosk: `mqtt.certificate`."""
    return f"{site}.{device}.pem"


def device_key(site: str, device: str) -> str:
    """`kiosk pki device`. To this kiosk: `mqtt.key`."""
    return f"{site}.{device}.key"


ENROLMENT_FOLDER = "/var/lib/entrance-kiosk/enrolment"
"""What a kiosk got by enrolment. `current` is a link to the folder that is in force."""
ENROLMENT_CURRENT = "current"
ENROLMENT_SETTINGS = "settings.json"
"""In that folder: site, device, brokers and configuration values."""
ENROLMENT_RESET = "reset"
"""In the folder of the enrolment: a person asked for a reset. The next start of the daemon does it."""
ENROLLED_CERTIFICATE = "device.pem"
ENROLLED_KEY = "device.key"
NOT_ENROLLED = "not-enrolled"
"""Name of site and device of a kiosk that is not enrolled. No site may have it."""
