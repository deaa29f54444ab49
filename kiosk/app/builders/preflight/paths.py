"""Checks the folders that the configuration names, and the folder of a replay camera."""

from collections.abc import Iterator

from kiosk import config
from kiosk.app.builders.hardware import build_camera
from kiosk.app.builders.preflight.findings import Finding, Severity
from kiosk.config.enrolled import read_enrolled
from kiosk.core import file_names
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
    yield from _check_enrolment(settings)
    if settings.camera.source.startswith("replay:"):
        try:
            build_camera(settings.camera)
        except CameraError as error:
            yield Finding("camera", Severity.STOPS, ("camera.source",), {"error": str(error).rstrip(".")})


def _check_enrolment(settings: config.Settings) -> Iterator[Finding]:
    """The file names a device, and an enrolment that is not used names another one."""
    if settings.uses_enrolment:
        return
    found = read_enrolled(settings.enrolment.folder / file_names.ENROLMENT_CURRENT) or {}
    enrolled, named = f"{found.get('site')}/{found.get('device')}", f"{settings.site.site}/{settings.site.device}"
    if found and enrolled != named:
        values = {"path": settings.enrolment.folder, "name": enrolled, "device": named}
        yield Finding("enrolment-unused", Severity.NOTICE, ("site.site", "site.device", "enrolment.folder"), values)
