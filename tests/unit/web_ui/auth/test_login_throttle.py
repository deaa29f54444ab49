"""Guesses of passwords are slow, and no guess of one address locks out a person at another one."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web_ui.auth.login_throttle import (
    ACCOUNT_WINDOW_S,
    FORGET_AFTER_S,
    FREE_ATTEMPTS,
    MAX_ACCOUNT_FAILURES,
    MAX_ADDRESSES,
    MAX_DELAY_S,
    LoginThrottle,
    client_network,
)

ACCOUNTS = ("guard", "admin", "setup")


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_of_any_number_of_parallel_guesses_three_are_compared() -> None:
    throttle, barrier = LoginThrottle(), threading.Barrier(32)

    def guess(number: int) -> float:
        barrier.wait()
        return throttle.begin("10.0.0.9", ACCOUNTS[number % 3])

    with ThreadPoolExecutor(32) as pool:
        waits = list(pool.map(guess, range(32)))
    assert waits.count(0.0) == FREE_ATTEMPTS


@given(steps=st.lists(st.tuples(st.sampled_from(ACCOUNTS), st.floats(0, 3)), max_size=60))
def test_at_most_three_guesses_of_an_address_are_compared_in_ten_seconds(steps: list[tuple[str, float]]) -> None:
    clock = Clock()
    throttle = LoginThrottle(clock)
    compared_at: list[float] = []
    for account, pause_s in steps:
        clock.now_s += pause_s
        if throttle.begin("10.0.0.9", account) == 0:
            compared_at.append(clock.now_s)
    for index, at in enumerate(compared_at):
        assert sum(1 for other in compared_at[index:] if other - at <= 10) <= 3


@given(
    guesses=st.lists(st.tuples(st.integers(0, 300), st.sampled_from(ACCOUNTS), st.floats(0, 20)), max_size=200),
    account=st.sampled_from(ACCOUNTS),
)
def test_an_address_without_a_failure_never_waits(guesses: list[tuple[int, str, float]], account: str) -> None:
    clock = Clock()
    throttle = LoginThrottle(clock)
    for number, guessed, pause_s in guesses:
        clock.now_s += pause_s
        throttle.begin(f"10.0.{number // 256}.{number % 256}", guessed)
        assert throttle.begin("10.9.9.9", account) == 0
        throttle.succeed("10.9.9.9", account)


def test_the_delay_doubles_to_a_limit_and_ends() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock)
    waits: list[float] = []
    for _ in range(12):
        assert throttle.begin("10.0.0.9", "guard") == 0
        wait_s = throttle.begin("10.0.0.9", "guard") if len(waits) >= FREE_ATTEMPTS - 1 else 0.0
        waits.append(wait_s)
        clock.now_s += wait_s
    assert waits[:7] == [0, 0, 15, 30, 60, 120, 240]
    assert max(waits) == MAX_DELAY_S


def test_a_refused_attempt_prolongs_nothing() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock)
    for _ in range(3):
        throttle.begin("10.0.0.9", "guard")
    for _ in range(15):
        clock.now_s += 1
        throttle.begin("10.0.0.9", "guard")
    assert throttle.begin("10.0.0.9", "guard") > 0  # the one after 15 s was compared
    clock.now_s += FORGET_AFTER_S
    assert [throttle.begin("10.0.0.9", "guard") for _ in range(3)] == [0, 0, 0]


def test_who_knows_one_secret_gets_no_more_guesses_at_another() -> None:
    throttle = LoginThrottle(Clock())
    compared = 0
    for _ in range(20):
        compared += throttle.begin("10.0.0.9", "admin") == 0
        if throttle.begin("10.0.0.9", "guard") == 0:
            throttle.succeed("10.0.0.9", "guard")
    assert compared == FREE_ATTEMPTS


def test_a_right_secret_ends_the_delay_of_its_address() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock)
    for _ in range(20):
        assert throttle.begin("10.0.0.9", "guard") == 0
        assert throttle.begin("10.0.0.9", "guard") == 0
        throttle.succeed("10.0.0.9", "guard")


def test_while_many_addresses_guess_one_account_each_of_them_gets_one_attempt() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock)
    for number in range(MAX_ACCOUNT_FAILURES):
        throttle.begin(f"10.0.0.{number}", "guard")
    assert throttle.begin("10.0.1.1", "guard") == 0
    assert throttle.begin("10.0.1.1", "guard") > 0
    assert throttle.begin("10.0.1.2", "admin") == 0
    assert throttle.begin("10.0.1.2", "admin") == 0
    clock.now_s += ACCOUNT_WINDOW_S
    assert throttle.begin("10.0.1.1", "guard") == 0


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ("fe80::1%eth0", "fe80::abcd%wlan0"),
        ("192.0.2.7", "::ffff:192.0.2.7"),
        ("::ffff:c000:207", "192.0.2.7"),
    ],
)
def test_the_addresses_of_one_client_count_together(address: str, same: str) -> None:
    throttle = LoginThrottle(Clock())
    for _ in range(FREE_ATTEMPTS):
        throttle.begin(address, "guard")
    assert throttle.begin(same, "guard") > 0


@pytest.mark.parametrize(
    ("address", "other"),
    [("2001:db8:1:2::1", "2001:db8:1:3::1"), ("192.0.2.7", "192.0.2.8"), ("::1", "127.0.0.1"), ("", "192.0.2.7")],
)
def test_different_clients_count_apart(address: str, other: str) -> None:
    assert client_network(address) != client_network(other)


@given(address=st.text(max_size=60) | st.ip_addresses().map(str))
def test_any_text_is_an_address(address: str) -> None:
    assert LoginThrottle(Clock()).begin(address, "guard") == 0


def test_memory_is_bounded_whatever_the_number_of_addresses() -> None:
    clock = Clock()
    throttle = LoginThrottle(clock)
    for number in range(3 * MAX_ADDRESSES):
        clock.now_s += 0.01
        throttle.begin(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}", "guard")
    assert len(throttle._attempts) <= MAX_ADDRESSES
