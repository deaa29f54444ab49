"""What machines are told is what its description says, in every state; metrics parse and are documented."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.parser import text_string_to_metric_families

from kiosk.core.model import DeviceState
from kiosk.system.status_file import STATUS_FILE
from tests.examples import examples
from tests.fakes.data.status_snapshots import a_status, browsing, publish
from tests.paths import PROJECT
from web_ui.kiosk.api.metrics import METRICS, PREFIX

DOCUMENT = PROJECT / "docs/reference/metrics.md"
SITUATIONS = [*DeviceState, "absent", "stale", "unreadable"]


def arrange(run_dir: Path, situation: str) -> None:
    """Bring the daemon's snapshot into that situation."""
    if situation in set(DeviceState):
        publish(run_dir, a_status(DeviceState(situation)))
    elif situation == "stale":
        publish(run_dir, a_status(now=datetime.now(UTC) - timedelta(minutes=5)))
    elif situation == "unreadable":
        (run_dir / STATUS_FILE).write_text("{", encoding="utf-8")


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_answer_is_as_its_description_says(tmp_path: Path, situation: str) -> None:
    arrange(tmp_path, situation)
    with browsing(tmp_path) as client:
        document = client.get("/api/v1/openapi.json").json
        assert document
        for path, operations in document["paths"].items():
            answer = client.get(path)
            told = operations["get"]["responses"][str(answer.status_code)]["content"]
            assert answer.mimetype in told
            if answer.mimetype == "application/json":
                schema = {**told[answer.mimetype]["schema"], "components": document["components"]}
                Draft202012Validator(schema).validate(answer.json)


def test_every_schema_of_the_description_is_one(tmp_path: Path) -> None:
    with browsing(tmp_path) as client:
        document: Any = client.get("/api/v1/openapi.json").json
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    references = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert references <= set(document["components"]["schemas"])


@given(
    query=st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=4),
    header=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200),
    method=st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "DELETE", "PROPFIND"]),
    path=st.sampled_from(["/", "/guard", "/healthz", "/readyz", "/metrics", "/api/v1/status", "/live/guard/parts"]),
)
@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_request_whatever_breaks_an_address(
    tmp_path: Path, query: dict[str, str], header: str, method: str, path: str
) -> None:
    with browsing(tmp_path) as client:
        headers = {"Accept-Language": header, "Cookie": f"language={header}", "Accept": header, "If-None-Match": header}
        answer = client.open(path, method=method, query_string=query, headers=headers)
    assert answer.status_code in {200, 204, 405} or (path == "/readyz" and answer.status_code == 503)


def samples(run_dir: Path) -> dict[tuple[str, str], float]:
    """Every sample as (name without prefix, its labels' values), read by Prometheus' own parser."""
    with browsing(run_dir) as client:
        answer = client.get("/metrics")
    assert answer.content_type == CONTENT_TYPE_LATEST
    families = list(text_string_to_metric_families(answer.text))
    assert all(family.documentation for family in families)
    told = [sample for family in families for sample in family.samples]
    assert all(sample.name.startswith(PREFIX) for sample in told)
    return {(sample.name.removeprefix(PREFIX), ",".join(sample.labels.values())): sample.value for sample in told}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_metrics_parse_in_every_situation_and_name_exactly_one_state(tmp_path: Path, situation: str) -> None:
    arrange(tmp_path, situation)
    found = samples(tmp_path)
    assert sum(value for (name, _), value in found.items() if name == "state") == 1
    assert found["up", ""] == (situation in set(DeviceState))


def test_metrics_tell_the_snapshot(tmp_path: Path) -> None:
    publish(tmp_path, a_status(DeviceState.DEGRADED))
    found = samples(tmp_path)
    assert found["backlog_events", ""] == 1274
    assert found["decisions_total", "fail"] == 37
    assert found["check_status", "broker"] == 1
    assert 46 * 60 < found["backlog_oldest_age_seconds", ""] < 48 * 60
    assert {name for name, _ in found} <= {metric.name for metric in METRICS}


def test_old_figures_are_not_told_as_metrics(tmp_path: Path) -> None:
    arrange(tmp_path, "stale")
    assert {name for name, _ in samples(tmp_path)} == {"up", "state", "web_streams"}


def test_hostile_names_stay_inside_their_label(tmp_path: Path) -> None:
    publish(tmp_path, a_status(site='a"} 1\n# TYPE x counter\\', device="d"))
    assert [name for name, _ in samples(tmp_path)].count("info") == 1


def test_every_metric_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [metric.name for metric in METRICS if f"`{PREFIX}{metric.name}`" not in text] == []
