"""The questions of the Grafana dashboard on PostgreSQL run as a role that reads these tables alone, and give the right figures."""

import re
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from docs._generate.pages.centre_dashboards import READ_TABLES, TABLE_PANELS
from mqtt.centre.alerts.conditions import AlertKind, Condition
from mqtt.centre.alerts.store import update_alerts
from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.city import HourCount, add_hours, make_city
from tests.fakes.processes import postgres
from tests.paths import PROJECT


@pytest.fixture(scope="module")
def now() -> datetime:
    """When the gates were heard. A gate is silent five minutes later, so it is not the time at which this file was loaded."""
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def city(postgres_server: str, now: datetime) -> str:
    database = postgres.fresh_database(postgres_server, "dashboard")
    make_city(database, now)
    hour = now.replace(minute=0, second=0, microsecond=0)
    with open_query(database) as query:
        add_hours(query, [HourCount("dong-ba/gate-1", hour, 7), HourCount("vy-da/gate-1", hour, 4, "out")])
        add_hours(query, [HourCount("dong-ba/gate-2", hour, 3, result="fail")])
        update_alerts(query, [Condition(AlertKind.SILENT_SITE, "vy-da", 1, "1")], now)
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in grants():
            connection.execute(statement.encode())
    return database


def grants() -> list[str]:
    """What the guide says about the role."""
    text = (PROJECT / "docs/supervision/alerts.md").read_text(encoding="utf-8")
    block = re.search(r"```sql\n(.*?)```", text, re.DOTALL)
    assert block
    return [statement for statement in block[1].split(";") if statement.strip()]


def ask(city: str, title: str) -> list[tuple[object, ...]]:
    (panel,) = [one for one in TABLE_PANELS if one.title.startswith(title)]
    question = re.sub(r"\$__timeFilter\(([^)]+)\)", r"\1 BETWEEN now() - interval '7 days' AND now()", panel.question)
    with psycopg.connect(city) as connection:
        connection.execute("SET ROLE grafana")
        return connection.execute(question.encode()).fetchall()


def test_the_figures_are_those_of_the_city(city: str, now: datetime) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    assert ask(city, "Passed each hour") == [(hour, 7, 4)]
    assert ask(city, "Refused by reason") == [(hour, "expired", 3)]
    assert ask(city, "Kinds of codes") == [("id-card", 14)]
    assert ask(city, "State of the gates") == [("ready", 4), ("silent", 1)]
    assert [gate for gate, _ in ask(city, "Silent gates")] == ["UBND phường Vỹ Dạ · Cổng chính"]
    assert sorted(ask(city, "Passed of each ward")) == [("Phường Phú Xuân", 7), ("Phường Vỹ Dạ", 4)]
    assert [row[1:] for row in ask(city, "Open alerts")] == [("silent-site", "vy-da", "1", "")]
    assert [row[1:] for row in ask(city, "New alerts")] == [("silent-site", 1)]


def test_every_question_runs(city: str) -> None:
    for panel in TABLE_PANELS:
        ask(city, panel.title)


def test_the_role_reads_no_table_with_people(city: str) -> None:
    with psycopg.connect(city, autocommit=True) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        connection.execute("SET ROLE grafana")
        readable = set()
        for (table,) in rows:
            try:
                connection.execute(SQL("SELECT 1 FROM {} LIMIT 1").format(Identifier(table)))
            except psycopg.errors.InsufficientPrivilege:
                continue
            readable.add(table)
    assert readable == set(READ_TABLES)
