"""Failed TLS handshakes: a line for each new cause and address, then counts, whatever their number."""

import re
import ssl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from web_ui.server.handshake_log import (
    FIRST_PERIOD_S,
    MAX_ADDRESSES,
    MAX_LINES_PER_PERIOD,
    MAX_PERIOD_S,
    HandshakeFailureLog,
)
from web_ui.server.tls import handshake_failure

CAUSES = ("plain HTTP on the port of TLS", "what arrived is not TLS", "no handshake within 5 s")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_one_failure_is_one_line_with_its_cause_and_address(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = HandshakeFailureLog(clock)
    log.record(CAUSES[0], "192.0.2.7")
    clock.now_s += FIRST_PERIOD_S
    log.flush()
    assert caplog.messages == ["TLS: plain HTTP on the port of TLS (from 192.0.2.7)"]


def test_many_failures_of_one_cause_and_address_are_one_line_and_a_count(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = HandshakeFailureLog(clock)
    for _ in range(3000):
        log.record(CAUSES[2], "192.0.2.7")
    clock.now_s += FIRST_PERIOD_S
    log.flush()
    assert caplog.messages == [
        "TLS: no handshake within 5 s (from 192.0.2.7)",
        "TLS: no handshake within 5 s: 3000 times in 60 s, addresses: 1, most from 192.0.2.7: 3000",
    ]


def test_a_flood_of_a_day_from_many_addresses_is_some_dozens_of_lines(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = HandshakeFailureLog(clock)
    for second in range(0, 86_400, 2):
        clock.now_s += 2
        log.record(CAUSES[second % 3], f"10.0.{second // 256 % 256}.{second % 256}")
        log.flush()
    periods = 7 + 24  # a minute, doubled up to an hour
    assert len(caplog.messages) <= periods * (MAX_LINES_PER_PERIOD + len(CAUSES))


@given(
    events=st.lists(
        st.tuples(st.sampled_from(CAUSES), st.integers(0, 400), st.floats(0, 2 * MAX_PERIOD_S)), max_size=300
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_failure_is_in_a_line_or_in_a_count(
    caplog: pytest.LogCaptureFixture, events: list[tuple[str, int, float]]
) -> None:
    caplog.clear()
    clock = Clock()
    log = HandshakeFailureLog(clock)
    for cause, address, pause_s in events:
        log.record(cause, f"10.0.{address // 256}.{address % 256}")
        clock.now_s += pause_s
    clock.now_s += MAX_PERIOD_S
    log.flush()
    for cause in CAUSES:
        counted = sum(int(n) for line in caplog.messages for n in re.findall(rf"{re.escape(cause)}: (\d+) times", line))
        single = sum(f"{cause} (from" in line for line in caplog.messages)
        happened = sum(each == cause for each, _, _ in events)
        assert counted <= happened <= counted + single


def test_memory_is_bounded_whatever_the_number_of_addresses(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = HandshakeFailureLog(clock)
    for number in range(5 * MAX_ADDRESSES):
        log.record(CAUSES[1], f"10.0.{number // 256}.{number % 256}")
    clock.now_s += FIRST_PERIOD_S
    log.flush()
    assert f"{5 * MAX_ADDRESSES} times" in caplog.messages[-1]
    assert f"addresses: {MAX_ADDRESSES} or more" in caplog.messages[-1]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionAbortedError("SSL handshake is taking longer"), "no handshake within 5 s"),
        (ConnectionResetError(), "closed before the end of the handshake"),
        (OSError(24, "Too many open files"), "too many open files"),
        (ssl.SSLError(1, "x"), "what arrived is not TLS"),
    ],
)
def test_a_cause_is_one_of_a_few_texts(error: OSError, text: str) -> None:
    assert handshake_failure(error) == text
