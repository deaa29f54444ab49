"""Accounts of administrator and guard for tests of the web UI: set up, log in, read the audit log."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from flask.testing import FlaskClient

from kiosk.core.status import StatusSnapshot
from kiosk.storage import SqliteEventStore
from tests.fakes.data.status_snapshots import a_status, browsing, publish
from web_ui.auth.accounts import Accounts, Role
from web_ui.auth.audit_log import AUDIT_FILE
from web_ui.auth.guards import Guards

PASSWORD = "nước sông Hương chảy chậm"
PIN = "482913"
GUARD = "Hường"


def staff(folder: Path) -> Path:
    """Set up administrator and guard in a folder, which need not exist. Returns the folder."""
    folder.mkdir(exist_ok=True)
    for name, content in _staff_files().items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    return folder


@cache
def _staff_files() -> dict[str, bytes]:
    """Made once: each hash takes as long as the product wants it to."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        accounts = Accounts(folder)
        accounts.set_admin_password(accounts.make_setup_code(), PASSWORD)
        Guards(folder).set_pin(GUARD, PIN)
        return {path.name: path.read_bytes() for path in folder.iterdir()}


@contextmanager
def visiting(run_dir: Path, status: StatusSnapshot | None = None) -> Iterator[FlaskClient]:
    """A test client in English, for a kiosk with accounts and without events. `status`: its published status."""
    publish(run_dir, status or a_status())
    SqliteEventStore(run_dir / "p.db").close()
    with browsing(run_dir, state_dir=staff(run_dir / "state"), database=run_dir / "p.db") as browser:
        browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
        yield browser


def log_in(client: FlaskClient, role: Role) -> str:
    """Log in and return the CSRF token of the forms."""
    secret = PASSWORD if role is Role.ADMIN else PIN
    response = client.post("/login", data={"role": role, "secret": secret})
    assert response.status_code == 302
    return token(client, "/admin" if role is Role.ADMIN else "/guard/admit")


def token(client: FlaskClient, path: str) -> str:
    """CSRF token in the forms of a page."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def audit(run_dir: Path) -> list[tuple[str, str, str]]:
    """Actor, action and result of each entry of the audit log, oldest first."""
    lines = (run_dir / "state" / AUDIT_FILE).read_text(encoding="utf-8").splitlines()
    return [(entry["actor"], entry["action"], entry["result"]) for entry in map(json.loads, lines)]
