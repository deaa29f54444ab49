"""A temporary folder with keys, signed lists and a configuration, as the installer makes them."""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from kiosk.core import file_names
from kiosk.credentials.issuing.samples import SampleData, make_sample_data

CONFIG_TEMPLATE = """\
run_dir = "run"

[site]
site = "cho-mau"
device = "cong-1"

[camera]
source = "{camera}"
width = 960
height = 540
frames_per_s = {frames_per_s}

[gpio]
pin_factory = "mock"

[visit]
repeat_window_s = {window_s}

[storage]
path = "events.db"

[mqtt]
brokers = ["127.0.0.1:{port}"]
tls = false
receipt_timeout_s = 3

[keys]
sealing_public_key = "centre-public.pem"
pseudonym_key = "pseudonym.key"
trust_list = "{trust_list}"
denylist = "denylist.cbor"
root_public_key = "{root}"
fleet_public_key = "fleet.pem"

[web]
port = 0
"""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Paths of all files of the sandbox."""

    folder: Path
    samples: SampleData

    @property
    def config_file(self) -> Path:
        """The daemon's and the page's configuration file."""
        return self.folder / "kiosk.toml"

    @property
    def run_dir(self) -> Path:
        """Where the daemon publishes its status."""
        return self.folder / "run"

    @property
    def database(self) -> Path:
        """The daemon's database."""
        return self.folder / "events.db"

    @property
    def frame_socket(self) -> Path:
        """Where the frame server listens."""
        return self.folder / "stage.sock"

    @property
    def centre_database(self) -> Path:
        """The centre's database."""
        return self.folder / "centre.db"

    @property
    def fleet_key(self) -> Path:
        """The private key that signs the centre's commands."""
        return self.folder / file_names.FLEET_PRIVATE_KEY

    def log_file(self, name: str) -> Path:
        """The log file of a process."""
        return self.folder / f"{name}.log"

    def write_files(
        self,
        *,
        port: int = 1,
        camera: str = "synthetic",
        frames_per_s: float = 15.0,
        window_s: float = 8.0,
        trust: tuple[Path, Path] | None = None,
    ) -> None:
        """Write keys, lists and configuration. `trust`: another trust list and its root key instead of the sample ones."""
        centre_key = X25519PrivateKey.generate()
        pem = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._write_private("centre-private.pem", centre_key.private_bytes(*pem))
        public = centre_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.folder / "centre-public.pem").write_bytes(public)
        self._write_private("pseudonym.key", os.urandom(32))
        fleet_key = Ed25519PrivateKey.generate()
        self._write_private(file_names.FLEET_PRIVATE_KEY, fleet_key.private_bytes(*pem))
        (self.folder / file_names.FLEET_PUBLIC_KEY).write_bytes(
            fleet_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        (self.folder / "trust.cbor").write_bytes(self.samples.trust_list)
        (self.folder / "denylist.cbor").write_bytes(self.samples.denylist)
        (self.folder / "root-public.pem").write_bytes(self.samples.root_pem)
        trust_list, root = trust or (Path("trust.cbor"), Path("root-public.pem"))
        text = CONFIG_TEMPLATE.format(
            port=port,
            camera=camera,
            frames_per_s=frames_per_s,
            window_s=window_s,
            trust_list=trust_list,
            root=root,
        )
        if trust:
            text = text.replace('denylist = "denylist.cbor"\n', "")
        self.config_file.write_text(text, encoding="utf-8")

    def _write_private(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)


@contextlib.contextmanager
def temporary_sandbox(**options: object) -> Iterator[Sandbox]:
    """A sandbox with all its files, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="entrance-kiosk-"))
    try:
        sandbox = Sandbox(folder, make_sample_data(datetime.now(UTC)))
        sandbox.write_files(**options)  # type: ignore[arg-type]  # passed through unchanged
        yield sandbox
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """Handle SIGTERM and SIGHUP like Ctrl-C, so that no process remains when a terminal is closed."""

    def unwind(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    old = {number: signal.signal(number, unwind) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
