"""What an emulated kiosk is given: keys, signed lists, configuration, and the pictures that are held before its replay camera.

The camera's folder has one picture, /run/scene/scene.pgm. Each person who comes to the gate is a picture that is copied over it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from kiosk.credentials.issuing.samples import SampleData, make_sample_data
from kiosk.simulation.renderer import FrameRenderer
from kiosk.simulation.sandbox import Sandbox

WIDTH, HEIGHT = 640, 480
PICTURES = "srv/people"
SCENE = "/run/scene"
EMPTY = "empty"
"""The picture without a code."""


def configure(root: Path, pins: Mapping[str, int], *, broker: str = "127.0.0.1:1", more: int = 0) -> SampleData:
    """Write /etc/entrance-kiosk and the pictures into a root: the samples, and `more` valid passes named more-0, more-1 ..."""
    world = make_sample_data(datetime.now(UTC))
    etc = root / "etc/entrance-kiosk"
    etc.mkdir(parents=True, exist_ok=True)
    Sandbox(etc, world).write_files(camera=f"replay:{SCENE}", frames_per_s=5.0)
    text = (etc / "kiosk.toml").read_text(encoding="utf-8")
    signal = "\n".join(['pin_factory = "lgpio"', *(f"{name} = {pin}" for name, pin in pins.items())])
    for old, new in (
        ('run_dir = "run"', 'run_dir = "/run/entrance-kiosk"'),
        ('path = "events.db"', 'path = "/var/lib/entrance-kiosk/events.db"'),
        ('pin_factory = "mock"', signal),
        ('brokers = ["127.0.0.1:1"]\n', f'brokers = ["{broker}"]\n'),
        ('pseudonym_key = "', 'pseudonym_key = "private/'),
        ("[web]\nport = 0", '[web]\nhost = "0.0.0.0"\nport = 8080'),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (etc / "kiosk.toml").write_text(text, encoding="utf-8")
    (etc / "private").mkdir(exist_ok=True)
    (etc / "pseudonym.key").rename(etc / "private/pseudonym.key")
    write_pictures(root / PICTURES, {sample.label: (sample.data,) for sample in world.samples} | {EMPTY: ()})
    write_pictures(root / PICTURES, {f"more-{number}": (world.make_valid_pass(number),) for number in range(more)})
    return world


def write_pictures(folder: Path, scenes: Mapping[str, tuple[bytes, ...]]) -> None:
    """One picture a scene, as binary PGM: opening it costs an emulated board nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    painter = FrameRenderer(WIDTH, HEIGHT)
    for name, codes in scenes.items():
        picture = painter.render(codes, 0)
        (folder / f"{name}.pgm").write_bytes(b"P5 %d %d 255\n" % (WIDTH, HEIGHT) + picture.tobytes())


def show(name: str) -> str:
    """The shell command that puts a scene before the camera, in one step."""
    return f"cp /{PICTURES}/{name}.pgm {SCENE}/.next && mv {SCENE}/.next {SCENE}/scene.pgm"
