"""Alerts in the centre's database: one open alert for each kind and subject, who acknowledged it, and mutes with an end."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mqtt.centre.accounts.schema import prepare_accounts
from mqtt.centre.alerts.conditions import SILENCE, AlertKind, Condition
from mqtt.centre.ingest.database import Query
from mqtt.centre.schema_parts import prepare_part

PART = "alerts"
STEPS = (
    """
    CREATE TABLE alert (
        number {identity}, kind TEXT NOT NULL, subject TEXT NOT NULL, area INTEGER NOT NULL, detail TEXT NOT NULL,
        since TEXT NOT NULL, until TEXT, notified_at TEXT, acknowledged_by TEXT NOT NULL, acknowledged_at TEXT
    );
    CREATE UNIQUE INDEX alert_open ON alert (kind, subject) WHERE until IS NULL;
    CREATE INDEX alert_until ON alert (until);
    CREATE TABLE alert_mute (
        kind TEXT NOT NULL, subject TEXT NOT NULL, until TEXT NOT NULL, muted_by TEXT NOT NULL, why TEXT NOT NULL,
        PRIMARY KEY (kind, subject)
    );
    CREATE TABLE alert_check (singleton INTEGER PRIMARY KEY, at TEXT NOT NULL);
    INSERT INTO alert_check VALUES (1, '')
    """,
    """
    CREATE TABLE report_sent (
        receiver TEXT NOT NULL, period TEXT NOT NULL, day TEXT NOT NULL, tried_at TEXT NOT NULL, PRIMARY KEY (receiver, period)
    )
    """,
)


NOTIFIED_AFTER = {AlertKind.GAPS: timedelta(minutes=10), AlertKind.ENROLMENT_WAITING: timedelta(minutes=2)}
"""How long a condition of this kind lasts before people are notified. What is missing may come behind newer events, and who made a
code usually waits for the request."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert."""

    number: int
    kind: AlertKind
    subject: str
    area: int
    detail: str
    since: datetime
    until: datetime | None
    acknowledged_by: str
    muted_until: datetime | None

    def is_muted(self, now: datetime) -> bool:
        """Whether notifications about it are held back."""
        return self.muted_until is not None and now < self.muted_until


def prepare_alerts(database: str) -> None:
    """Make these tables, and those of accounts and registry, where they are missing. Raises LedgerError."""
    prepare_accounts(database)
    prepare_part(database, PART, STEPS)


def update_alerts(query: Query, conditions: Collection[Condition], now: datetime) -> None:
    """Open an alert for each new condition, and close those whose condition is gone. Several processes run one after the other.

    While the whole city is out, silences open no alert, and open ones stay.
    """
    query("UPDATE alert_check SET at = ?", [_text(now)])  # first: it makes others wait
    open_ = {(row["kind"], row["subject"]): row for row in query("SELECT * FROM alert WHERE until IS NULL")}
    wanted = {(one.kind.value, one.subject): one for one in conditions}
    is_outage = any(one.kind is AlertKind.CITY_OUTAGE for one in conditions)
    for key, row in open_.items():
        if key not in wanted and not (is_outage and key[0] in SILENCE):
            query("UPDATE alert SET until = ? WHERE number = ?", [_text(now), row["number"]])
    for key, one in wanted.items():
        if key not in open_:
            query(
                "INSERT INTO alert (kind, subject, area, detail, since, acknowledged_by) VALUES (?, ?, ?, ?, ?, '')",
                [*key, one.area, one.detail, _text(now)],
            )
        elif (open_[key]["detail"], open_[key]["area"]) != (one.detail, one.area):
            query(
                "UPDATE alert SET detail = ?, area = ? WHERE number = ?", [one.detail, one.area, open_[key]["number"]]
            )


def last_check(query: Query) -> datetime | None:
    """When `update_alerts` ran last. None: never."""
    text = query("SELECT at FROM alert_check")[0]["at"]
    return datetime.fromisoformat(text) if text else None


def read_alerts(query: Query, areas: Collection[int] | None, *, closed_since: datetime) -> list[Alert]:
    """Open alerts, then those closed since, newest first. `areas`: numbers of the areas. None: all."""
    rows = query(
        "SELECT alert.*, alert_mute.until AS muted_until FROM alert LEFT JOIN alert_mute USING (kind, subject) "
        "WHERE alert.until IS NULL OR alert.until >= ? ORDER BY alert.until IS NOT NULL, since DESC, number DESC",
        [_text(closed_since)],
    )
    return [_alert(row) for row in rows if areas is None or row["area"] in areas]


def count_open(query: Query, areas: Collection[int] | None) -> int:
    """How many alerts are open. `areas`: numbers of the areas. None: all."""
    rows = query("SELECT area, count(*) AS n FROM alert WHERE until IS NULL GROUP BY area")
    return sum(int(row["n"]) for row in rows if areas is None or row["area"] in areas)


def out_of_service_s(query: Query, device: str, site: str, since: datetime, now: datetime) -> float:
    """Seconds since then in which the device or its whole site did not answer, or the device was out of order. By the alerts."""
    rows = query(
        "SELECT since, until FROM alert WHERE (until IS NULL OR until > ?) AND "
        "((subject = ? AND kind IN ('silent-gate', 'out-of-order')) OR (subject = ? AND kind = 'silent-site')) ORDER BY since",
        [_text(since), device, site],
    )
    total, covered_until = timedelta(), since
    for row in rows:
        begins, ends = datetime.fromisoformat(row["since"]), _time(row["until"]) or now
        begins, ends = max(begins, covered_until), min(ends, now)
        total += max(timedelta(), ends - begins)
        covered_until = max(covered_until, ends)
    return total.total_seconds()


def find_alert(query: Query, number: int) -> Alert | None:
    """One alert."""
    rows = query(
        "SELECT alert.*, alert_mute.until AS muted_until FROM alert LEFT JOIN alert_mute USING (kind, subject) WHERE number = ?",
        [number],
    )
    return _alert(rows[0]) if rows else None


def acknowledge(query: Query, number: int, who: str, now: datetime) -> None:
    """A person says that they deal with it. It is not notified again."""
    query(
        "UPDATE alert SET acknowledged_by = ?, acknowledged_at = ? WHERE number = ? AND acknowledged_by = ''",
        [who, _text(now), number],
    )


def mute(query: Query, alert: Alert, until: datetime, who: str, why: str) -> None:
    """Hold back notifications about this kind and subject until a time, also those of later alerts."""
    query(
        "INSERT INTO alert_mute VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, subject) DO UPDATE SET "
        "until = excluded.until, muted_by = excluded.muted_by, why = excluded.why",
        [alert.kind.value, alert.subject, _text(until), who, why],
    )


def read_unnotified(query: Query, now: datetime) -> list[Alert]:
    """Open alerts that no notification was sent for, that are neither muted nor acknowledged, and that lasted. Oldest first."""
    rows = query(
        "SELECT alert.*, alert_mute.until AS muted_until FROM alert LEFT JOIN alert_mute USING (kind, subject) "
        "WHERE alert.until IS NULL AND notified_at IS NULL AND acknowledged_by = '' ORDER BY since, number"
    )
    return [
        alert
        for alert in map(_alert, rows)
        if not alert.is_muted(now) and now - alert.since >= NOTIFIED_AFTER.get(alert.kind, timedelta())
    ]


def mark_notified(query: Query, numbers: Iterable[int], now: datetime) -> None:
    """A notification about these alerts was delivered."""
    for number in numbers:
        query("UPDATE alert SET notified_at = ? WHERE number = ?", [_text(now), number])


def _alert(row: Mapping[str, Any]) -> Alert:
    return Alert(
        row["number"],
        AlertKind(row["kind"]),
        row["subject"],
        row["area"],
        row["detail"],
        datetime.fromisoformat(row["since"]),
        _time(row["until"]),
        row["acknowledged_by"],
        _time(row["muted_until"]),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
