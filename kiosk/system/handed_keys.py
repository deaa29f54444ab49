"""Private keys that systemd hands to the daemon (LoadCredential=), so that no file of its user holds them.

systemd.exec(5), "Credentials": of a folder that is loaded as `private`, the file NAME appears as `private_NAME` in the folder
that $CREDENTIALS_DIRECTORY names, which lies in memory and is readable by this unit alone.
"""

import os
from collections.abc import Mapping
from pathlib import Path

PRIVATE_KEY_FOLDER = "private"
"""The folder of private keys beside the configuration: /etc/entrance-kiosk/private, root's alone."""


def credential_path(path: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where a key of the configuration really is: handed over by systemd, else (started by hand, as root) where it says."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder or path.parent.name != PRIVATE_KEY_FOLDER:
        return path
    given = Path(folder) / f"{PRIVATE_KEY_FOLDER}_{path.name}"
    return given if given.exists() else path
