"""Changes of settings by the administrator: a form with the sentence of each setting, a check, a trial, and its end by hand."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, get_args

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.app import control_socket
from kiosk.config.effective import EffectiveSetting, read_effective_settings
from kiosk.config.overlay.changeable import changeable_settings, value_of_text
from kiosk.config.overlay.document import BY_DEVICE, OverlayState
from kiosk.config.overlay.journal import Journal
from kiosk.config.schema.sentences import setting_sentences
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.i18n import request_locale
from web_ui.i18n.text_sanitizer import truncate
from web_ui.kiosk.pages.command_client import DaemonResult, submit_command
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.rendering import render_page

change_page = Blueprint("configuration_change", __name__, url_prefix="/admin/configuration/change")

MAX_VALUE_LENGTH = 1000
HISTORY_ROWS = 20
MAX_REASON_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ChangeableRow:
    """One setting of the form."""

    name: str
    value: str
    """As in TOML, a text without quotes. Empty where it is not set."""
    source: str
    sentence: str
    """In English."""
    choices: tuple[str, ...]
    """All values. Empty: any."""

    @property
    def is_local(self) -> bool:
        """Whether it was changed on this device."""
        return self.source == BY_DEVICE


@dataclass(frozen=True, slots=True)
class Submitted:
    """What the administrator changed in the form."""

    values: Mapping[str, Any]
    removed: tuple[str, ...]
    lines: tuple[tuple[str, str, str], ...] = ()
    """Name, value before, and value after."""


@change_page.get("")
@access_control.require_role(Role.ADMIN)
def form() -> AnyResponse:
    """The form, what is on trial, and the newest changes."""
    return _page()


@change_page.post("")
@access_control.require_role(Role.ADMIN)
def submit() -> AnyResponse:
    """Check what was changed, or put it on trial."""
    rows = list(changeable_rows(_effective()))
    found = read_form(rows, request.form)
    if not found.values and not found.removed:
        return _page("change.nothing", code=400)
    if request.form.get("act") != "try":
        command: control_socket.Command = control_socket.CheckConfigurationCommand(dict(found.values), found.removed)
        result = submit_command(command, _detail(found))
        errors = [truncate(str(error)) for error in result.detail.get("errors", ())]
        return _page(result.error, message=result.message, errors=errors, checked=found, given=request.form)
    reason = request.form.get("reason", "").strip()[:MAX_REASON_LENGTH]
    command = control_socket.TryConfigurationCommand(dict(found.values), _who(), found.removed, reason)
    result = submit_command(command, _detail(found))
    if result.error:
        errors = result.message.splitlines() if result.error == "command.invalid" else []
        return _page(
            result.error, message="" if errors else result.message, errors=errors, given=request.form, code=400
        )
    return _page(done="change.tried")


@change_page.post("/keep")
@access_control.require_role(Role.ADMIN)
def keep() -> AnyResponse:
    """Keep what is on trial, without waiting for its end."""
    return _end(submit_command(control_socket.KeepConfigurationCommand()), "change.keep.done")


@change_page.post("/roll-back")
@access_control.require_role(Role.ADMIN)
def roll_back() -> AnyResponse:
    """Take back what is on trial."""
    return _end(submit_command(control_socket.RollBackConfigurationCommand()), "change.roll-back.done")


def changeable_rows(effective: Iterable[EffectiveSetting]) -> Iterator[ChangeableRow]:
    """The settings that may be changed here, in the order of the schema."""
    fields, sentences = changeable_settings(), setting_sentences()
    for setting in effective:
        info = fields.get(setting.name)
        if info is not None:
            choices = _choices(info.annotation)
            yield ChangeableRow(setting.name, setting.value, setting.source, sentences.get(setting.name, ""), choices)


def read_form(rows: Iterable[ChangeableRow], given: Mapping[str, str]) -> Submitted:
    """What differs from the values that the form showed. Fields of other names are ignored."""
    values, removed, lines = {}, [], []
    for row in rows:
        if f"reset:{row.name}" in given and row.is_local:
            removed.append(row.name)
            lines.append((row.name, row.value, ""))
            continue
        text = given.get(f"value:{row.name}", "").strip()[:MAX_VALUE_LENGTH]
        if f"value:{row.name}" in given and text != given.get(f"was:{row.name}", row.value):
            values[row.name] = value_of_text(row.name, text)
            lines.append((row.name, row.value, text))
    return Submitted(values, tuple(removed), tuple(lines))


def _choices(annotation: Any) -> tuple[str, ...]:
    if annotation is bool:
        return ("true", "false")
    found = get_args(annotation)
    return tuple(map(str, found)) if found and all(isinstance(one, str | int) for one in found) else ()


def _effective() -> tuple[EffectiveSetting, ...]:
    """Of the running kiosk. Empty: it does not run, and nothing can be changed."""
    view = kiosk_view()
    return (read_effective_settings(view.settings.run_dir) or ()) if view.daemon_status().online else ()


def _state() -> OverlayState:
    database = kiosk_view().settings.database
    return OverlayState() if database is None else Journal(database.parent).read()


def _who() -> str:
    session = access_control.current_session()
    return (session.name or session.role.value)[:64] if session else "admin"


def _detail(found: Submitted) -> str:
    """For the audit log. Settings hold no secrets."""
    return "; ".join(f"{name}: {before} -> {after}" for name, before, after in found.lines)


def _end(result: DaemonResult, done: str) -> AnyResponse:
    if result.error:
        return _page(result.error, message=result.message, code=409)
    return _page(done=done)


def _page(error: str = "", *, code: int = 200, given: Mapping[str, str] | None = None, **context: Any) -> AnyResponse:
    rows, state = list(changeable_rows(_effective())), _state()
    trial = state.trial
    left_s = max(0, round(trial.deadline_s - time.monotonic())) if trial is not None and trial.is_started else None
    return render_page(
        "settings_change.html",
        sections=[(name, list(some)) for name, some in groupby(rows, lambda row: row.name.rpartition(".")[0])],
        trial=trial,
        left_s=left_s,
        history=tuple(reversed(state.history[-HISTORY_ROWS:])),
        when=kiosk_view().formatter(request_locale.request_language()).date_time,
        given=given or {},
        max_length=MAX_VALUE_LENGTH,
        max_reason_length=MAX_REASON_LENGTH,
        error=error,
        code=code,
        **{"message": "", "done": "", "errors": [], "checked": None} | context,
    )
