"""Builds the gate with its lists, keys, visits, decoder and database from the configuration."""

from pathlib import Path

from kiosk import config, credentials
from kiosk.config.policy import build_policy
from kiosk.core.gate import Gate
from kiosk.core.model import ClockReading
from kiosk.core.ports import Clock, Decoder, KioskError, Signal, Verifier
from kiosk.core.reversal import LastAccessEvent
from kiosk.core.subject_sealing import Pseudonymizer, Seal
from kiosk.core.visits import VisitTracker
from kiosk.credentials.trust.list_loader import ListLoader
from kiosk.decoding import Cascade
from kiosk.decoding.time_limit import TimeLimitedDecoder
from kiosk.decoding.warm_up import warm_up_decoder
from kiosk.storage import RetentionLimits, SqliteEventStore
from kiosk.system.systemd import credential_path

MAX_RESTORED_EVENTS = 20_000
"""Number of newest events from which a restart restores who is inside."""


def load_lists(settings: config.Settings) -> ListLoader:
    """Load the signed lists. Copies of the last valid ones are kept in the folder of the database. Raises ListError."""
    return ListLoader(
        trust_path=settings.keys.trust_list,
        root_path=settings.keys.root_public_key,
        denylist_path=settings.keys.denylist,
        copies_dir=settings.storage.path.parent,
        sealing_keys_path=settings.keys.sealing_keys,
    )


def open_event_store(storage: config.StorageSettings) -> SqliteEventStore:
    """Open the database with its retention limits. Raises StoreError."""
    limits = RetentionLimits(
        retention_days=storage.retention_days,
        max_rows=storage.max_rows,
        max_file_bytes=storage.max_bytes,
        low_space_bytes=storage.low_space_bytes,
        min_free_bytes=storage.min_free_bytes,
    )
    return SqliteEventStore(storage.path, limits=limits)


def restore_visits(
    settings: config.Settings, event_store: SqliteEventStore, now: ClockReading
) -> tuple[VisitTracker, LastAccessEvent]:
    """Restore who is inside and what can be undone from the newest events. Raises StoreError."""
    visits = VisitTracker(
        window_s=settings.visit.repeat_window_s,
        reset_at=settings.access.daily_reset_at,
        timezone=settings.site.timezone,
    )
    last = LastAccessEvent(settings.visit.undo_window_s, boot_id=event_store.boot_id)
    newest = event_store.recent(MAX_RESTORED_EVENTS)
    visits.restore(reversed(newest), now, event_store.boot_id)
    last.restore(reversed(newest))
    return visits, last


def build_decoder(settings: config.Settings) -> TimeLimitedDecoder:
    """The decoder cascade with a hard time limit per frame (docs/decisions/0007). Its engines are loaded."""
    share = settings.decoding.budget_share
    warm_up_decoder(settings.camera.width, settings.camera.height)
    return TimeLimitedDecoder(lambda: Cascade(is_known_format=credentials.is_known_format, budget_share=share))


def build_gate(
    settings: config.Settings,
    decoder: Decoder,
    *,
    verifier: Verifier,
    lists: ListLoader,
    visits: VisitTracker,
    event_store: SqliteEventStore,
    signal: Signal,
    clock: Clock,
    last_event: LastAccessEvent,
) -> Gate:
    """Build the gate with its keys and policy. Raises KioskError."""
    return Gate(
        decoder=decoder,
        verifier=verifier,
        visits=visits,
        policy=build_policy(settings),
        pseudonymizer=Pseudonymizer(read_key_file(credential_path(settings.keys.pseudonym_key))),
        seal=Seal(read_key_file(settings.keys.sealing_public_key), lambda: lists.sealing_keys),
        event_store=event_store,
        signal=signal,
        clock=clock,
        last_event=last_event,
    )


def read_key_file(path: Path) -> bytes:
    """Content of a key file. Raises KioskError with its path."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise KioskError(f"{path}: {error.strerror}. The configuration names it in [keys].") from error
