"""The camera contract on real picamera2 and real libcamera; tests/system/camera/test_camera.py runs it inside the trixie root.

libcamera's "virtual" pipeline plays a JPEG as the scene. The glue that it needs, and that a Pi does not, is all in this file
and in dma_heap.c. The driver under test is kiosk/hardware/cameras/picamera2_camera.py, as shipped.
"""

import ctypes
import gc
import itertools
import json
import os
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import segno
import zxingcpp

from kiosk.core.ports import CameraError
from kiosk.hardware.cameras.picamera2_camera import Picamera2Camera, select_controls

SCENE = Path("/tmp/kiosk-scene.jpg")  # noqa: S108  inside a root of its own
WIDTH, HEIGHT = 640, 480
PICTURES = {
    "Virtual0": "supported_formats:\n  - {width: 640, height: 480, frame_rates: [30]}\n  frames:\n    path: "
    f'"{SCENE}"\n  location: "CameraLocationFront"\n  model: "imx708"\n'
}
YAML = Path("/usr/share/libcamera/pipeline/virtual/virtual.yaml")
ABSENT = "a_missing_camera_is_reported_in_one_sentence"
FRAMES_PER_S = 30.0

_held = threading.Event()
_held.set()
_paced = threading.Event()  # never set: its wait is the pace of the virtual sensor


def paint(text: str) -> None:
    """Put a QR code with `text` in front of the camera."""
    dots = np.array([[0 if dark else 255 for dark in row] for row in segno.make(text, error="m").matrix], np.uint8)
    code = cv2.resize(np.pad(dots, 4, constant_values=255), (360, 360), interpolation=cv2.INTER_NEAREST)
    scene = np.full((HEIGHT, WIDTH), 90, np.uint8)
    scene[60:420, 140:500] = code
    assert cv2.imwrite(str(SCENE), scene)


def stub_kms() -> None:
    """Only the preview window on a screen uses the binding of kms++, which PyPI does not have."""
    kms = types.ModuleType("pykms")
    formats = ("RGB888", "BGR888", "XBGR8888", "XRGB8888", "YUV420", "YVU420", "NV12", "YUYV", "YVYU", "MJPEG")
    kms.__getattr__ = lambda name: types.SimpleNamespace(**dict.fromkeys(formats))  # type: ignore[method-assign]
    sys.modules["pykms"] = kms


def two_planes(libcamera: Any, allocator: type) -> type:
    """The virtual pipeline writes NV12 into two planes; picamera2 describes every buffer by one."""

    class TwoPlanes(allocator):  # type: ignore[misc]  # picamera2 has no types
        def allocate(self, libcamera_config: Any, use_case: Any) -> None:
            super().allocate(libcamera_config, use_case)
            for stream_config in libcamera_config:
                made = self.frame_buffers[stream_config.stream]
                self.frame_buffers[stream_config.stream] = [self._split(each, stream_config) for each in made]

        def _split(self, buffer: Any, stream_config: Any) -> Any:
            luma = libcamera.FrameBuffer.Plane()
            chroma = libcamera.FrameBuffer.Plane()
            size = stream_config.stride * stream_config.size.height
            luma.fd = chroma.fd = buffer.planes[0].fd
            luma.offset, luma.length = 0, size
            chroma.offset, chroma.length = size, stream_config.frame_size - size
            split = libcamera.FrameBuffer([luma, chroma])
            self.mapped_buffers[split] = self.mapped_buffers.pop(buffer)
            self.libcamera_fds.append(split.planes[0].fd)  # a copy of its own: libcamera duplicates file descriptors
            self.mapped_buffers_used[split.planes[0].fd] = False
            return split

    return TwoPlanes


def viewfinder_modes(sensor: Any) -> list[dict[str, Any]]:
    """The virtual pipeline has no raw stream to ask for its modes."""
    import libcamera

    formats = sensor.camera.generate_configuration([libcamera.StreamRole.Viewfinder]).at(0).formats
    return [
        {"format": str(each), "size": (size.width, size.height)}
        for each in formats.pixel_formats
        for size in formats.sizes(each)
    ]


def glue() -> type:
    """What the virtual pipeline needs of picamera2. Returns the class Picamera2, patched."""
    stub_kms()
    import libcamera
    from picamera2 import dma_heap, picamera2
    from picamera2.allocators import DmaAllocator

    dma_heap.heapNames.append("/dev/dma_heap/system")
    picamera2.DmaAllocator = two_planes(libcamera, DmaAllocator)
    found: Any = picamera2.Picamera2
    found._get_raw_modes = viewfinder_modes
    create, start, deliver = found.create_video_configuration, found.start, picamera2.CameraManager.handle_request

    def nv12(self: Any, **asked: Any) -> Any:
        """The virtual pipeline has NV12 only; a Pi gives YUV420, with the same luma plane."""
        for stream in asked.keys() & {"main", "lores"}:
            asked[stream] = {**asked[stream], "format": "NV12"}
        return create(self, **asked)

    def paced_start(self: Any, *arguments: Any, **named: Any) -> None:
        self.pre_callback = lambda request: _paced.wait(1 / 60)
        start(self, *arguments, **named)

    def delivered_unless_held(self: Any, *arguments: Any) -> None:
        _held.wait()
        deliver(self, *arguments)

    found.create_video_configuration, found.start = nv12, paced_start
    picamera2.CameraManager.handle_request = delivered_unless_held
    patched: type = found
    return patched


def opened(library: type) -> Picamera2Camera:
    camera = Picamera2Camera(width=WIDTH, height=HEIGHT, frames_per_s=FRAMES_PER_S, library=lambda: library)
    camera.open()
    return camera


def texts(camera: Picamera2Camera) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(camera.capture(5.0).luma)]


def open_file_count() -> int:
    """Without what only waits to be collected: the daemon collects every 15 s (kiosk/app/daemon.py)."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


class Contract:
    """One sentence a check; each leaves the camera closed."""

    def __init__(self, library: type) -> None:
        self.library = library

    def a_code_is_read_out_of_the_lores_stream(self) -> str:
        paint("HUE1:FIRST")
        camera = opened(self.library)
        frame = camera.capture(5.0)
        read = texts(camera)
        camera.close()
        assert frame.luma.shape == (HEIGHT, WIDTH), frame.luma.shape
        assert frame.luma.flags["C_CONTIGUOUS"]
        assert read == ["HUE1:FIRST"], read
        return f"{frame.luma.shape[1]}x{frame.luma.shape[0]}"

    def frames_are_fresh_and_numbered(self) -> str:
        camera = opened(self.library)
        began_s = time.monotonic()
        frames = [camera.capture(5.0) for _ in range(30)]
        took_s = time.monotonic() - began_s
        camera.close()
        numbers = [frame.number for frame in frames]
        assert numbers == list(range(numbers[0], numbers[0] + 30)), numbers
        assert all(one.captured_s < other.captured_s for one, other in itertools.pairwise(frames))
        return f"{30 / took_s:.0f} frames/s"

    def only_advertised_controls_are_set(self) -> str:
        sensor = self.library(0)
        advertised = dict(sensor.camera_controls)
        sensor.close()
        wanted = select_controls(advertised, frames_per_s=FRAMES_PER_S, flicker_hz=50)
        assert set(wanted) <= set(advertised)
        assert "AfMode" not in wanted  # the virtual camera has no lens to move
        return f"{sorted(wanted)} of {len(advertised)} advertised"

    def a_control_that_is_not_advertised_would_be_refused(self) -> str:
        sensor = self.library(0)
        try:
            sensor.set_controls({"AfMode": 2})
        except RuntimeError as refusal:
            return str(refusal)
        finally:
            sensor.close()
        raise AssertionError("picamera2 took AfMode: the reason for wanted_controls() is gone")

    def it_opens_again_and_again_without_losing_files(self) -> str:
        opened(self.library).close()
        before = open_file_count()
        for _ in range(5):
            camera = opened(self.library)
            camera.capture(5.0)
            camera.close()
        after = open_file_count()
        assert after <= before, f"{before} open files became {after}"
        return f"{before} open files before, {after} after 5 opens"

    def a_new_scene_is_seen_after_a_reopen(self) -> str:
        paint("HUE1:SECOND")
        camera = opened(self.library)
        read = texts(camera)
        camera.close()
        assert read == ["HUE1:SECOND"], read
        return read[0]

    def a_hanging_pipeline_is_an_error_in_time_and_heals(self) -> str:
        camera = opened(self.library)
        camera.capture(5.0)
        _held.clear()
        began_s = time.monotonic()
        try:
            for _ in range(4):  # a frame or two may be on their way already
                camera.capture(0.5)
        except CameraError as error:
            said = str(error)
        else:
            raise AssertionError("a camera that hangs gave pictures")
        finally:
            took_s = time.monotonic() - began_s
            _held.set()
        camera.close()
        camera = opened(self.library)
        read = texts(camera)
        camera.close()
        assert read == ["HUE1:SECOND"], read
        return f"{said!r} after {took_s:.1f} s"

    def a_sensor_that_stops_giving_pictures_is_an_error_and_heals(self) -> str:
        camera = opened(self.library)
        camera.capture(5.0)
        camera._sensor.camera.stop()  # behind picamera2's back: requests no longer complete, as with a loose cable
        try:
            for _ in range(4):
                camera.capture(0.5)
        except CameraError as error:
            said = str(error)
        else:
            raise AssertionError("a stopped sensor gave pictures")
        camera.close()
        camera = opened(self.library)
        read = texts(camera)
        camera.close()
        assert read == ["HUE1:SECOND"], read
        return said

    def a_start_that_fails_half_way_can_be_tried_again(self) -> str:
        modes = self.library._get_raw_modes  # type: ignore[attr-defined]

        def broken(sensor: Any) -> None:
            raise RuntimeError("the sensor does not answer")

        self.library._get_raw_modes = broken  # type: ignore[attr-defined]
        try:
            opened(self.library)
        except CameraError as error:
            said = str(error)
        else:
            raise AssertionError("a broken sensor was opened")
        finally:
            self.library._get_raw_modes = modes  # type: ignore[attr-defined]
        camera = opened(self.library)
        read = texts(camera)
        camera.close()
        assert read == ["HUE1:SECOND"], read
        return said

    def an_unplugged_camera_is_said_at_every_attempt_and_reads_again_when_it_is_back(self) -> str:
        """A ribbon cable has no hot-plugging: libcamera goes on listing the module, which gives no picture and does not start."""
        camera = opened(self.library)
        camera.capture(5.0)
        camera._sensor.camera.stop()
        start, said = self.library.start, []  # type: ignore[attr-defined]

        def unplugged(*_: Any, **__: Any) -> None:
            raise RuntimeError("Failed to start camera: Input/output error")

        self.library.start = unplugged  # type: ignore[attr-defined]
        files = 0
        try:
            for attempt in (lambda: [camera.capture(0.5) for _ in range(4)], *[camera.open] * 5):
                try:
                    attempt()
                except CameraError as error:
                    said.append(str(error))
                camera.close()
                files = files or open_file_count()
        finally:
            self.library.start = start  # type: ignore[attr-defined]
        assert [problem.rpartition(": ")[2] for problem in said[1:]] == ["Input/output error"] * 5, said
        assert open_file_count() <= files, f"{files} open files became {open_file_count()}"
        camera.open()
        read = texts(camera)
        camera.close()
        assert read == ["HUE1:SECOND"], read
        return f"{said[0]!r}, {len(said) - 1} times {said[1]!r}, then it reads again"

    def close_from_another_thread_ends_a_capture(self) -> str:
        camera = opened(self.library)
        camera.capture(5.0)
        _held.clear()
        said: list[str] = []

        def capture() -> None:
            try:
                while True:
                    camera.capture(20.0)
            except CameraError as error:
                said.append(str(error))

        thread = threading.Thread(target=capture)
        thread.start()
        threading.Timer(0.2, _held.set).start()
        _paced.wait(0.1)
        camera.close()
        thread.join(10.0)
        _held.set()
        assert said, "the capture still waits"
        return said[0]


CHECKS = [*(name for name in vars(Contract) if not name.startswith("_")), ABSENT]


def as_the_unit_has_it() -> None:
    """No memory that is writable and executable, as MemoryDenyWriteExecute= in kiosk.service; prctl(2), Linux 6.3."""
    pr_set_mdwe, refuse_exec_gain = 65, 1
    if ctypes.CDLL(None, use_errno=True).prctl(pr_set_mdwe, refuse_exec_gain, 0, 0, 0):
        print(f"this kernel does not know PR_SET_MDWE: {os.strerror(ctypes.get_errno())}", file=sys.stderr)


def main() -> int:
    as_the_unit_has_it()
    if sys.argv[1:] == ["absent"]:
        YAML.unlink(missing_ok=True)
        try:
            opened(glue())
        except CameraError as error:
            print(json.dumps({"check": ABSENT, "met": True, "said": str(error)}))
            return 0
        return 1
    YAML.write_text("%YAML 1.1\n---\n" + "".join(f'"{name}":\n  {rest}' for name, rest in PICTURES.items()) + "...\n")
    paint("HUE1:FIRST")
    contract = Contract(glue())
    failed = 0
    for name, check in [(name, getattr(contract, name)) for name in vars(Contract) if not name.startswith("_")]:
        try:
            said, met = check(), True
        except Exception as error:  # noqa: BLE001  the next check still runs
            said, met = f"{type(error).__name__}: {error}", False
            failed += 1
        print(json.dumps({"check": name, "met": met, "said": said}), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # libcamera's threads may hang at exit after a check that failed
