"""An office that is staffed: its administrator and guard with their secrets, a browser that logs in, and what the audit says."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask.testing import FlaskClient

from kiosk.core.status import StatusSnapshot
from kiosk.storage import SqliteEventStore
from tests.fakes.data.status_snapshots import a_status, browsing, publish
from web_ui.auth.accounts import Accounts, Role
from web_ui.auth.audit_log import AUDIT_FILE

PASSWORD = "nước sông Hương chảy chậm"
PIN = "482913"


def staff(folder: Path) -> Path:
    """Set up the administrator and the guard in this folder, which need not exist; returns it."""
    folder.mkdir(exist_ok=True)
    accounts = Accounts(folder)
    accounts.set_admin_password(accounts.make_setup_code(), PASSWORD)
    accounts.set_guard_pin(PIN)
    return folder


@contextmanager
def visiting(run_dir: Path, told: StatusSnapshot | None = None) -> Iterator[FlaskClient]:
    """A browser, in English, on a kiosk that is staffed and has recorded nobody yet; `told` is its status."""
    publish(run_dir, told or a_status())
    SqliteEventStore(run_dir / "p.db").close()
    with browsing(run_dir, state_dir=staff(run_dir / "state"), database=run_dir / "p.db") as browser:
        browser.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
        yield browser


def log_in(client: FlaskClient, role: Role) -> str:
    """Log in and return the CSRF token of the forms."""
    secret = PASSWORD if role is Role.ADMIN else PIN
    answer = client.post("/login", data={"role": role, "secret": secret})
    assert answer.status_code == 302
    return token(client, "/admin" if role is Role.ADMIN else "/guard/admit")


def token(client: FlaskClient, path: str) -> str:
    """The CSRF token of that page's forms."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def audit(run_dir: Path) -> list[tuple[str, str, str]]:
    """Who did what with which result, oldest first."""
    lines = (run_dir / "state" / AUDIT_FILE).read_text(encoding="utf-8").splitlines()
    return [(entry["actor"], entry["action"], entry["result"]) for entry in map(json.loads, lines)]
