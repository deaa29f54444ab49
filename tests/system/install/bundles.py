"""Bundles of this checkout for `make test-install`: as it is, a better one, and ones that are broken in known ways."""

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kiosk.installer.bundle.build import build_bundle
from tests.paths import PROJECT

PARTS = ("kiosk", "mqtt", "web_ui", "systemd", "firmware_config", "debian_packages")
FILES = ("pyproject.toml", "uv.lock", "README.md", "install.sh", "docs/reference/files/kiosk.example.toml")
STEP = (
    '\nMIGRATIONS = (*MIGRATIONS, "ALTER TABLE event ADD COLUMN weather TEXT; CREATE TABLE mood (x INTEGER) STRICT;")'
)
OLDEST = "\nOLDEST_WRITER_SCHEMA = "
# name -> (version, ((file, text, what it becomes), ...))
Change = tuple[str, str, str]
RISEN: Change = ("kiosk/storage/schema.py", OLDEST, STEP + OLDEST)
SIGNING = "signing"
"""Folder of the key in the folder of the bundles."""
NOTIFIER = "        notifier = SystemdNotifier()\n"
VARIANTS: dict[str, tuple[str, tuple[Change, ...]]] = {
    "first": ("0.9.1", ()),
    # Takes a step of the schema, has another unit, and is good.
    "better": ("0.9.2", (RISEN, ("systemd/kiosk-web.service", "Description=", "Description=0.9.2 "))),
    "falls": (
        "0.9.3",
        (
            (
                "kiosk/app/daemon.py",
                NOTIFIER,
                '        raise KioskError("broken on purpose")\n',
            ),
        ),
    ),
    # Takes a step of the schema, answers people and records them, but never says READY=1.
    "mute": ("0.9.4", (RISEN, ("kiosk/system/systemd.py", '"READY=1", ', ""))),
    # Says READY=1 and is out of order: nothing drives the lamps of this one.
    "dark": (
        "0.9.5",
        (("kiosk/health/checks.py", "elif it.signal_thread_alive:", "elif not it.signal_thread_alive:"),),
    ),
    # Fails when it is imported.
    "imports": ("0.9.8", (("kiosk/app/daemon.py", "import ", "import nothing_of_that_name\nimport "),)),
    # Its pages do not start.
    "page": ("0.9.10", (("web_ui/command.py", "import ", "import nothing_of_that_name\nimport "),)),
    # Does not delete expired events.
    "purge": ("0.9.11", (("kiosk/cli/maintenance/purge.py", "import ", "import nothing_of_that_name\nimport "),)),
    # Its unit names a program that is not there.
    "unit": ("0.9.12", (("systemd/kiosk.service", "bin/python -m kiosk.app.start", "bin/pythn -m kiosk.app.start"),)),
    # Is ready, and dies every 15 seconds.
    "dies-later": (
        "0.9.13",
        (
            (
                "kiosk/app/daemon.py",
                NOTIFIER,
                f"        import os, threading\n        threading.Timer(15, lambda: os._exit(3)).start()\n{NOTIFIER}",
            ),
        ),
    ),
    # Could not be taken back.
    "one-way": ("0.9.6", (RISEN, ("kiosk/storage/schema.py", OLDEST, OLDEST + "99  # not "))),
}


def make_bundles(names: Sequence[str], suites: Sequence[str], out: Path) -> dict[str, Path]:
    """Bundles for this machine's kind, by variant; two at a time, once the first has fetched the wheels. One key signs them."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    targets = [(suite, "x86_64") for suite in suites]

    def made(name: str) -> Path:
        checkout = changed(name, out / f"checkout-{name}")
        bundle = build_bundle(checkout, targets, out, out / SIGNING)
        shutil.rmtree(checkout)
        return bundle

    first, *others = names
    bundles = {first: made(first)}
    with ThreadPoolExecutor(2) as hands:
        return bundles | dict(zip(others, hands.map(made, others), strict=True))


def changed(name: str, folder: Path) -> Path:
    """This checkout, as the variant has it, in `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in PARTS:
        shutil.copytree(PROJECT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / file, folder / file)
    version, changes = VARIANTS[name]
    ours = 'name = "entrance-kiosk"\nversion = "'
    for file in ("pyproject.toml", "uv.lock"):
        text = (folder / file).read_text(encoding="utf-8")
        present = text.split(ours)[1].split('"')[0]
        _replace(folder / file, f"{ours}{present}", f"{ours}{version}")
    for file, old, new in changes:
        _replace(folder / file, old, new)
    return folder


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{path} no longer holds {old!r}: repair tests/system/install/bundles.py"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
