"""The configuration for the administrator: what is in force and from where, what the file says now, and a check of a new file."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from flask import Blueprint, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk import config
from kiosk.config.conflicts import find_conflicts
from kiosk.config.effective import COMMAND, DEFAULT, EffectiveSetting, effective_settings, read_effective_settings
from kiosk.config.schema.sentences import setting_sentences
from kiosk.system.translations import Translator, translator
from web_ui.auth import access_control
from web_ui.auth.accounts import Role
from web_ui.i18n import request_locale
from web_ui.i18n.text_sanitizer import truncate
from web_ui.kiosk.pages.kiosk_view import kiosk_view
from web_ui.kiosk.pages.rendering import render_page

settings_page = Blueprint("settings", __name__)

CANDIDATE_PATH = Path("new file")
MAX_MISTAKES = 50


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as a row of the page."""

    name: str
    value: str
    source: str
    """`file`, `default` or `command`."""
    next_value: str | None = None
    """What it will be after a restart, where that is something else."""
    sentence: str = ""
    """What it means, in English."""


@dataclass(frozen=True, slots=True)
class ConfigCheck:
    """What was found in a new file."""

    mistakes: tuple[str, ...] = ()
    """At most `MAX_MISTAKES` sentences."""
    more_mistakes: int = 0
    """How many are not shown."""
    notices: tuple[str, ...] = ()
    """Sentences about settings that contradict each other. None of them stops the kiosk."""
    changes: tuple[SettingRow, ...] = ()
    """What it would change; empty where there are mistakes."""


@settings_page.route("/admin/configuration", methods=["GET", "POST"])
@access_control.require_role(Role.ADMIN)
def settings() -> AnyResponse:
    """The settings in use. POST checks the text of a new file before it is installed."""
    text, checked = request.form.get("text", ""), None
    file_error = ""
    try:
        written = settings_from_file(kiosk_view().settings.config_path)
    except (config.ConfigError, OSError) as error:
        written, file_error = (), str(error)
    ruling = read_effective_settings(kiosk_view().settings.run_dir) if kiosk_view().daemon_status().online else None
    if request.method == "POST":
        access_control.write_audit("check-configuration", "done")
        checked = check_config_text(text, ruling or written, translator(request_locale.request_language()))
    rows = list(
        compare_settings(ruling, written) if ruling else (SettingRow(*truncate_setting(each)) for each in written)
    )
    wanted, only_changed = request.args.get("find", ""), request.args.get("only") == "changed"
    sentences = setting_sentences()
    explained = [replace(row, sentence=sentences.get(row.name, "")) for row in rows]
    shown = list(filter_settings(explained, wanted, only_changed=only_changed))
    return render_page(
        "settings.html",
        path=kiosk_view().settings.config_path,
        sections=[(name, list(some)) for name, some in groupby(shown, lambda row: row.name.rpartition(".")[0])],
        find=wanted,
        only_changed=only_changed,
        has_settings=bool(rows),
        has_effective=bool(ruling),
        pending_changes=sum(row.next_value is not None for row in rows),
        text=text,
        checked=checked,
        file_error=file_error,
    )


def filter_settings(rows: Iterable[SettingRow], wanted: str, *, only_changed: bool) -> Iterator[SettingRow]:
    """The settings with all of these words in name, value or sentence. `only_changed`: those that differ from the default."""
    words = wanted.casefold().split()
    for row in rows:
        text = f"{row.name} {row.value} {row.sentence}".casefold()
        is_changed = row.source != DEFAULT or row.next_value is not None
        if all(word in text for word in words) and (is_changed or not only_changed):
            yield row


def settings_from_file(path: Path | None) -> tuple[EffectiveSetting, ...]:
    """Every setting as the file says it now, relative paths made whole. Raises ConfigTrouble and OSError."""
    return tuple(effective_settings(config.load_settings(path))) if path else ()


def compare_settings(
    effective: Iterable[EffectiveSetting], configured: Iterable[EffectiveSetting]
) -> Iterator[SettingRow]:
    """The settings in force, with what the file will make of them at the next start. A command's stay as they are."""
    coming = {setting.name: setting.value for setting in configured}
    for setting in effective:
        later = coming.get(setting.name, setting.value)
        changed = later != setting.value and setting.source != COMMAND
        yield SettingRow(*truncate_setting(setting), truncate(later) if changed else None)


def check_config_text(text: str, effective: Iterable[EffectiveSetting], t: Translator) -> ConfigCheck:
    """Every mistake in the text of a configuration file, as sentences; or its notices, and what it would change.

    The files that it names are not read: this process must not open any path that a browser sends.
    """
    try:
        found = config.parse_settings(config.parse_toml(text.encode("utf-8", "replace")), CANDIDATE_PATH)
    except config.TomlError as error:
        return ConfigCheck((truncate(f"{error}."),))
    except config.ConfigError as error:
        shown = tuple(truncate(sentence) for sentence in error.errors[:MAX_MISTAKES])
        return ConfigCheck(shown, max(0, len(error.errors) - MAX_MISTAKES))
    anchored = config.resolve_paths(found, (kiosk_view().settings.config_path or CANDIDATE_PATH).absolute().parent)
    now: Mapping[str, EffectiveSetting] = {setting.name: setting for setting in effective}
    changes = (
        SettingRow(*truncate_setting(now.get(new.name, EffectiveSetting(new.name, "", DEFAULT))), truncate(new.value))
        for new in effective_settings(anchored)
        if new.name not in now or now[new.name].value != new.value
    )
    notices = tuple(
        f"{', '.join(each.settings)}: {t(f'config.conflict.{each.code}', **each.values)}"
        for each in find_conflicts(anchored)
    )
    return ConfigCheck(notices=notices, changes=tuple(changes) if now else ())


def truncate_setting(setting: EffectiveSetting) -> EffectiveSetting:
    """A setting fit to be shown."""
    return setting._replace(value=truncate(setting.value))
