"""Checks the folders that the configuration names, and the folder of a replay camera."""

from collections.abc import Iterator

from kiosk import config
from kiosk.app.builders.hardware import build_camera
from kiosk.app.builders.preflight.findings import Finding, Severity
from kiosk.core.ports import CameraError


def check_paths(settings: config.Settings) -> Iterator[Finding]:
    """Database, state folder of the web server, and images to replay."""
    database, state_dir = settings.storage.path, settings.web.state_dir
    if not database.parent.is_dir():
        yield Finding("folder-missing", Severity.STOPS, ("storage.path",), {"path": database.parent})
    elif database.is_dir():
        yield Finding("is-folder", Severity.STOPS, ("storage.path",), {"path": database})
    if state_dir.exists() and not state_dir.is_dir():
        yield Finding("not-a-folder", Severity.WRONG, ("web.state_dir",), {"path": state_dir})
    if settings.run_dir.exists() and not settings.run_dir.is_dir():
        yield Finding("not-a-folder", Severity.STOPS, ("run_dir",), {"path": settings.run_dir})
    if settings.camera.source.startswith("replay:"):
        try:
            build_camera(settings.camera)
        except CameraError as error:
            yield Finding("camera", Severity.STOPS, ("camera.source",), {"error": str(error).rstrip(".")})
