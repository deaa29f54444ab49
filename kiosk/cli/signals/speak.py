"""`kiosk speak`: say each answer through a loudspeaker. `kiosk speak make`: recordings. `kiosk speak test`: play some."""

import logging
from collections.abc import Callable
from datetime import datetime, time
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from kiosk import config
from kiosk.config.volume_hours import VolumeHours, volume_percent
from kiosk.hardware.speech import announcements, synthesis
from kiosk.hardware.speech.player import AplayPlayer
from kiosk.hardware.speech.recordings import RecordingFolders, joined
from kiosk.hardware.speech.speaker import Speaker
from kiosk.system.logs import configure_logging
from kiosk.system.status_file import read_fresh_status
from kiosk.system.systemd import SystemdNotifier
from kiosk.system.translations import translator
from kiosk.system.wakeup import WakeupPipe

log = logging.getLogger(__name__)
SHIPPED = Path("/usr/share/entrance-kiosk/speech")
"""Recordings of the package, where it has some."""
TEST_S = 20.0


@click.group(invoke_without_command=True)
@click.option(
    "--config", "path", type=click.Path(path_type=Path), default=config.DEFAULT_PATH, help="Configuration file."
)
@click.pass_context
def speak(context: click.Context, path: Path) -> None:
    """Say each answer of the kiosk through the loudspeaker of `[speech]`, until SIGTERM or Ctrl-C."""
    context.obj = partial(config.load_settings, path)  # later, because `--help` of a subcommand needs no configuration
    if context.invoked_subcommand is None:
        configure_logging()
        _run(context.obj())


def _run(settings: config.Settings) -> None:
    player = AplayPlayer(settings.speech.device)
    speaker = Speaker(
        _folders(settings), player, _languages(settings), volume_percent=partial(_volume, settings.speech)
    )
    read_status = partial(read_fresh_status, settings.run_dir)
    zone, notifier = ZoneInfo(settings.site.timezone), SystemdNotifier()
    with WakeupPipe() as wakeup:
        notifier.notify_ready(f"speaks {', '.join(_languages(settings))}")
        log.info("speaks %s", ", ".join(_languages(settings)))
        try:
            while not wakeup.stop_requested:
                wakeup.wait(speaker.step(read_status, datetime.now(zone)))
                notifier.ping_watchdog()
        finally:
            player.close()


@speak.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--language", "languages", multiple=True, help="A language, as vi. May be repeated. Default: [speech].")
@click.pass_obj
def make(load_settings: Callable[[], config.Settings], folder: Path | None, languages: tuple[str, ...]) -> None:
    """Make a recording of each announcement with espeak-ng, in FOLDER (default: speech.folder).

    Replace any file by the same words read by a person: mono, 16 bits. Files that exist are kept.
    """
    settings = None if folder and languages else load_settings()
    target = folder or (settings.speech.folder if settings else Path())
    for language in languages or (_languages(settings) if settings else ()):
        count = synthesis.make_recordings(target, language, click.echo)
        click.echo(f"{target / language}: {count} recordings are new")


@speak.command()
@click.pass_obj
def test(load_settings: Callable[[], config.Settings]) -> None:
    """Play what is said for a pass and for a refusal, with the volume of this hour."""
    settings = load_settings()
    folders, player = _folders(settings), AplayPlayer(settings.speech.device)
    percent = _volume(settings.speech, datetime.now(ZoneInfo(settings.site.timezone)).time())
    for outcome, reason, direction in (("pass", "ok", "in"), ("fail", "expired", None)):
        said = announcements.answer_announcement(outcome, reason, direction)
        for language in _languages(settings):
            click.echo(f"{language}, {percent} %: {' '.join(translator(language)(message) for message in said)}")
            player.play(joined([folders.find(message, language) for message in said], percent))
            player.wait(TEST_S)


def _volume(speech: config.SpeechSettings, at: time) -> int:
    return volume_percent(at, speech.volume_percent, [VolumeHours.parse(text) for text in speech.quiet_hours])


def _folders(settings: config.Settings) -> RecordingFolders:
    return RecordingFolders((settings.speech.folder, SHIPPED))


def _languages(settings: config.Settings) -> tuple[str, ...]:
    return settings.speech.languages or (settings.site.language,)
