"""Many logins at once, over real sockets: guesses, the right PIN from elsewhere, and one set-up code in several browsers."""

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.fakes.data.status_snapshots import a_status, publish
from tests.fakes.parts.web_accounts import PASSWORD, PIN, staff
from tests.fakes.processes.web_process import served
from web_ui.auth.accounts import Accounts
from web_ui.auth.guards import Guards
from web_ui.auth.login_throttle import FREE_ATTEMPTS

Post = Callable[..., int]
"""Post a form from an address to a path. Returns the status code."""


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    publish(tmp_path, a_status())
    (tmp_path / "state").mkdir()
    with served("--run-dir", tmp_path, "--state-dir", tmp_path / "state") as (url, _):
        port = urlsplit(url).port

        def send(source: str, path: str, **form: str) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))
            connection.request("POST", path, urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
            try:
                return connection.getresponse().status
            finally:
                connection.close()

        yield send


def at_once(*calls: Callable[[], int]) -> list[int]:
    """Run all of them in threads that start together."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], int]) -> int:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_of_thirty_parallel_guesses_three_are_compared_and_no_other_address_is_locked_out(
    tmp_path: Path, post: Post
) -> None:
    staff(tmp_path / "state")
    roles = ("guard", "admin")
    codes = at_once(
        *(
            lambda number=number: post("127.0.0.9", "/login", role=roles[number % 2], secret=f"{number:06}")
            for number in range(30)
        )
    )
    assert Counter(codes) == {403: FREE_ATTEMPTS, 429: 30 - FREE_ATTEMPTS}
    assert post("127.0.0.9", "/login", role="guard", secret=PIN) == 429
    assert post("127.0.0.10", "/login", role="guard", secret=PIN) == 302
    assert post("127.0.0.10", "/login", role="admin", secret=PASSWORD) == 302


def test_forty_addresses_that_guess_the_pin_lock_no_one_out(tmp_path: Path, post: Post) -> None:
    staff(tmp_path / "state")
    at_once(
        *(
            lambda number=number: post(f"127.0.1.{number}", "/login", role="guard", secret="000000")
            for number in range(1, 41)
        )
    )
    assert post("127.0.2.1", "/login", role="guard", secret=PIN) == 302
    assert post("127.0.2.2", "/login", role="admin", secret=PASSWORD) == 302


def test_one_set_up_code_in_eight_browsers_at_once_sets_one_password(tmp_path: Path, post: Post) -> None:
    code = Accounts(tmp_path / "state").make_setup_code()
    passwords = [f"password of browser {number}" for number in range(8)]
    codes = at_once(
        *(
            lambda number=number: post(f"127.0.3.{number + 1}", "/setup", code=code, password=passwords[number])
            for number in range(8)
        )
    )
    assert Counter(codes) == {302: 1, 403: 7}
    accounts = Accounts(tmp_path / "state")
    valid = [password for password in passwords if accounts.verify_password(password)]
    assert valid == [passwords[codes.index(302)]]


def test_one_set_up_code_in_several_processes_at_once_sets_one_password(tmp_path: Path) -> None:
    """Each `Accounts` has a lock of its own, as each process has."""
    code = Accounts(tmp_path).make_setup_code()
    results = at_once(
        *(
            lambda number=number: Accounts(tmp_path).set_admin_password(code, f"a password {number}")
            for number in range(6)
        )
    )
    assert Counter(results) == {True: 1, False: 5}


def test_a_pin_and_a_password_that_are_set_at_once_are_both_kept(tmp_path: Path) -> None:
    code = Accounts(tmp_path).make_setup_code()

    def set_pin() -> int:
        Guards(tmp_path).set_pin("An", PIN)
        return 1

    at_once(set_pin, lambda: Accounts(tmp_path).set_admin_password(code, PASSWORD))
    assert Guards(tmp_path).identify(PIN) == "An"
    assert Accounts(tmp_path).verify_password(PASSWORD)
