"""The addresses for machines, fuzzed from their own description by schemathesis against a page that is really served."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.examples import examples
from tests.fakes.data.status_snapshots import a_status, publish
from tests.fakes.processes.web_process import served

OPERATIONS = ("/healthz", "/readyz", "/api/v1/status", "/api/v1/openapi.json", "/metrics")
# A 503 is what /readyz is for; a status that is not described is found by another check.
BY_DESIGN: dict[str, list[Any]] = {path: [not_a_server_error] if path == "/readyz" else [] for path in OPERATIONS}
config = schemathesis.config.SchemathesisConfig.from_dict({"generation": {"mode": "all"}})


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenApiSchema]:
    """The description as the running page serves it."""
    run_dir = tmp_path_factory.mktemp("run")
    publish(run_dir, a_status())
    with served("--run-dir", run_dir) as (address, _):
        yield schemathesis.openapi.from_url(f"{address}api/v1/openapi.json", config=config)


def test_every_address_for_machines_is_fuzzed(described: OpenApiSchema) -> None:
    assert set(described.raw_schema["paths"]) == set(OPERATIONS)


@pytest.mark.parametrize("path", OPERATIONS)
def test_what_is_answered_is_described_whatever_is_asked(described: OpenApiSchema, path: str) -> None:
    """Status, content type, headers and body against the description; and nothing that ends in a server error."""
    operation = described[path]["GET"]

    @given(case=operation.as_strategy())
    @settings(max_examples=examples(10), deadline=None, suppress_health_check=list(HealthCheck))
    def fuzz(case: "schemathesis.Case[Any]") -> None:
        case.call_and_validate(excluded_checks=BY_DESIGN[path])

    fuzz()
