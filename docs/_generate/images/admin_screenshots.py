"""Pictures of the pages behind the login for docs/images/: aiming, quarantine, log, configuration. Needs chromium."""

import dataclasses
import logging
import sys
import tempfile
from pathlib import Path

from docs._generate.images.screenshots import PICTURES, Picture, a_day
from kiosk import config
from kiosk.app.command_handlers import preview_as_json
from kiosk.config import effective
from kiosk.core.frame import Frame
from kiosk.core.model import DeviceState
from kiosk.core.status import OutboxStatus
from kiosk.decoding.preview.preview import CameraPreview
from kiosk.storage import SqliteEventStore
from kiosk.system import logs
from tests.fakes.data.status_snapshots import a_status, publish
from tests.fakes.parts.control_server import FakeControlServer
from tests.fakes.parts.web_accounts import PASSWORD, staff
from tests.fakes.processes import browser as browsers
from tests.fakes.processes.browser import Browser, log_in
from tests.fakes.processes.replay_daemon import with_code
from tests.fakes.processes.web_process import served

CONFIG = """\
run_dir = "RUN_DIR"
[site]
site = "cho-dong-ba"
device = "cong-1"
[access]
opening_hours = ["mon-sun 05:30-19:00"]
capacity = 300
[storage]
path = "events.db"
[keys]
sealing_public_key = "centre.pem"
pseudonym_key = "pseudonym.key"
trust_list = "trust-list.cose"
root_public_key = "root.pem"
[web]
state_dir = "web"
port = 0
"""
ALL = (
    Picture("admin-vi", "admin", DeviceState.READY, 40.0, 1280, 800, "light", "vi-VN", whole=True),
    Picture("admin-aiming-en", "admin/aiming", DeviceState.READY, 40.0, 1280, 700, "light", "en-GB"),
    Picture("admin-aiming-phone-vi", "admin/aiming", DeviceState.READY, 40.0, 390, 844, "dark", "vi-VN"),
    Picture("admin-quarantine-en", "admin/quarantine", DeviceState.READY, 40.0, 1280, 600, "light", "en-GB"),
    Picture("admin-log-vi-dark", "admin/log?level=info", DeviceState.READY, 40.0, 1280, 700, "dark", "vi-VN"),
    Picture(
        "admin-settings-vi", "admin/configuration?only=changed", DeviceState.READY, 40.0, 1280, 700, "light", "vi-VN"
    ),
)


def prepare_site(run_dir: Path) -> Path:
    """Everything that a kiosk leaves for its page; returns the configuration."""
    a_day(run_dir / "events.db")
    store = SqliteEventStore(run_dir / "events.db")
    newest = store.newest_seq
    store.acknowledge(
        newest - 3, ranges=[(newest - 1, newest - 1)], rejected=[(newest - 2, "too-large"), (newest, "bad-data-reason")]
    )
    store.close()
    path = run_dir / "kiosk.toml"
    text = CONFIG.replace("RUN_DIR", str(run_dir))
    path.write_text(text.replace("300", "250"), encoding="utf-8")
    effective.publish_effective_settings(config.load_settings(path), run_dir)
    path.write_text(text, encoding="utf-8")
    staff(run_dir / "web")
    _log(run_dir)
    return path


def _log(run_dir: Path) -> None:
    logging.getLogger("kiosk").setLevel(logging.INFO)
    gate = logging.getLogger("kiosk.app.gate_worker")
    with logs.log_file_handler(run_dir):
        logging.getLogger("kiosk.app.daemon").info("the kiosk cho-dong-ba/cong-1 has started")
        for number, said in enumerate(("pass: ok, in (pass)", "fail: expired (pass)", "pass: ok, out (hcert)") * 2):
            gate.info("%s, record %d, %d ms after the picture", said, 48200 + number, 36 + 5 * (number % 4))
        logging.getLogger("kiosk.delivery.relay").warning(
            "no connection to the broker: Connection refused. Events are kept and sent later"
        )
        logging.getLogger("kiosk.delivery.receipts").error(
            "event 48203 is rejected: too-large. It is kept in quarantine"
        )


def shoot(browser: Browser, url: str, run_dir: Path, picture: Picture) -> None:
    """Log in and take one picture."""
    held = dataclasses.replace(a_status(picture.state).outbox, quarantined=2)
    assert isinstance(held, OutboxStatus)
    options = {"viewport": {"width": picture.width, "height": picture.height}}
    with browser.new_context(color_scheme=picture.scheme, locale=picture.locale, **options) as context:
        page = context.new_page()
        log_in(page, url, "admin", PASSWORD)
        page.wait_for_url("**/admin")
        publish(run_dir, a_status(picture.state, outbox=held))
        page.goto(url + picture.path)
        if picture.path.endswith("aiming"):
            page.keyboard.press("Enter")
            page.wait_for_selector("svg.still")
        page.screenshot(path=PICTURES / f"{picture.name}.png", full_page=picture.whole)


def main() -> None:
    """Take them all."""
    if browsers.missing():
        sys.exit(browsers.missing())
    finder = CameraPreview(lambda _: Frame(with_code("HUE1:A CARD THAT NOBODY HAS", 3), 1, 1.0))
    with tempfile.TemporaryDirectory() as folder, browsers.chromium() as browser:
        run_dir = Path(folder)
        path = prepare_site(run_dir)
        publish(run_dir, a_status())
        with FakeControlServer(run_dir) as daemon, served("--config", path) as (url, _):
            daemon.detail = preview_as_json(finder.capture())
            finder.close()
            for picture in ALL:
                shoot(browser, url, run_dir, picture)


if __name__ == "__main__":
    main()
