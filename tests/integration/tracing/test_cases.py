"""Four eyes: what one officer alone, an ended case, a closed area or a missing key opens. Nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mqtt.centre.accounts.audit import read_audit, verify_audit
from mqtt.centre.ingest.database import open_query
from tests.fakes.centre.traced_events import APPROVER, BUOI, TRACER, Station, city_time, write_key
from tests.integration.tracing.conftest import MORNING

PERIOD = ("--since", city_time(MORNING - timedelta(hours=1)), "--until", city_time(MORNING + timedelta(hours=3)))
OPENING = ("--order-no", "17/QĐ-UBND", "--why", "Ổ dịch tại chợ, truy vết tiếp xúc", "--area", "19753")


def ask_place(station: Station, case: int, *, account: str = TRACER, site: str = "Chợ Đông Ba") -> str:
    done = station.run("place", str(case), "--site", site, *PERIOD, account=account, key=station.folder / "key.pem")
    return f"{done.exit_code} {done.output}"


def acts(station: Station) -> list[str]:
    with open_query(station.database) as query:
        assert list(verify_audit(query)) == []
        return [row.entry.what for row in reversed(read_audit(query))]


def test_an_open_case_answers_and_each_step_is_in_the_audit(station: Station) -> None:
    case = station.open_case()
    assert ask_place(station, case).startswith("0 ")
    assert acts(station) == ["open-case", "approve-case", "ask-place", "unseal", "answer"]


def test_an_officer_cannot_approve_their_own_case_even_with_both_roles(station: Station) -> None:
    with open_query(station.database) as query:
        area = query("SELECT area FROM account_role WHERE account = ?", [TRACER])[0]["area"]
        query("INSERT INTO account_role VALUES (?, 'approver', ?)", [TRACER, area])
    assert station.run("open", *OPENING, account=TRACER).exit_code == 0
    done = station.run("approve", "1", account=TRACER)
    assert (done.exit_code, "another officer" in done.output) == (1, True)
    assert ask_place(station, 1).startswith("1 ")
    assert "unseal" not in acts(station)


@pytest.mark.parametrize(
    "account", ["viewer-46", "operator-46", "approver-46", "auditor-46", "admin-46", "tracer-19777"]
)
def test_only_a_tracer_of_the_area_opens_a_case(station: Station, account: str) -> None:
    assert station.run("open", *OPENING, account=account).exit_code == 1
    assert acts(station) == []


@pytest.mark.parametrize(
    "account", ["viewer-46", "operator-46", "tracer-46", "auditor-46", "admin-46", "approver-19777"]
)
def test_only_an_approver_of_the_area_approves(station: Station, account: str) -> None:
    station.run("open", *OPENING, account=TRACER)
    assert station.run("approve", "1", account=account).exit_code == 1
    assert ask_place(station, 1).startswith("1 ")


@pytest.mark.parametrize("account", ["viewer-46", "approver-19753", "admin-46", "tracer-19777"])
def test_only_a_tracer_of_the_area_asks(station: Station, account: str) -> None:
    case = station.open_case()
    assert ask_place(station, case, account=account).startswith("1 ")
    assert "unseal" not in acts(station)


def test_a_wrong_password_is_audited_and_opens_nothing(station: Station, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("nước sông Hương chảy nhanh", encoding="utf-8")
    arguments = ("--account", TRACER, "--password-file", str(tmp_path / "wrong"))
    done = station.run("open", *OPENING, *arguments)
    assert (done.exit_code, "is wrong" in done.output) == (1, True)
    assert acts(station) == ["sign-in-failed"]


def test_a_closed_account_opens_no_case(station: Station) -> None:
    with open_query(station.database) as query:
        query("UPDATE account SET until = '2026-01-01' WHERE name = ?", [TRACER])
    assert station.run("open", *OPENING, account=TRACER).exit_code == 1


def test_a_refused_case_opens_nothing(station: Station) -> None:
    station.run("open", *OPENING, account=TRACER)
    assert station.run("refuse", "1", "--why", "Thiếu quyết định", account=APPROVER).exit_code == 0
    assert "refused" in ask_place(station, 1)
    assert station.run("approve", "1", account=APPROVER).exit_code == 1


def test_a_case_ends_by_itself_and_takes_its_results_and_its_key_with_it(station: Station) -> None:
    case = station.open_case()
    assert ask_place(station, case).startswith("0 ")
    assert [path.name for path in station.case_keys.iterdir()] == ["1.case-key"]
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat(timespec="milliseconds")
    with open_query(station.database) as query:
        query("UPDATE trace_case SET until = ?", [past])
    assert "ended" in ask_place(station, case)
    assert "ended" in station.run("cases").output
    assert list(station.case_keys.iterdir()) == []
    with open_query(station.database) as query:
        assert query("SELECT * FROM trace_question") == []
    assert acts(station)[-1] == "expire-case"


def test_a_case_that_is_ended_early_opens_nothing_more(station: Station) -> None:
    case = station.open_case()
    ask_place(station, case)
    assert station.run("end", str(case), account=APPROVER).exit_code == 0
    assert "ended" in ask_place(station, case)
    assert list(station.case_keys.iterdir()) == []


def test_a_case_covers_the_sites_of_its_area_only(station: Station) -> None:
    case = station.open_case()
    done = ask_place(station, case, site="UBND phường Vỹ Dạ")
    assert done.startswith("1 ")
    assert "there is no site" in done
    assert "unseal" not in acts(station)


def test_without_the_private_key_the_subjects_stay_sealed(station: Station, tmp_path: Path) -> None:
    case = station.open_case()
    write_key(tmp_path / "other.pem")
    done = station.run("place", str(case), "--site", "dong-ba", *PERIOD, account=TRACER, key=tmp_path / "other.pem")
    assert done.exit_code == 0
    assert "0 people" in done.output
    assert "6 passages could not be unsealed" in done.output


def test_no_name_is_in_the_database_and_none_in_the_audit(station: Station) -> None:
    case = station.open_case()
    period = ("--document", "046190000001", *PERIOD)
    assert station.run("person", str(case), *period, account=TRACER, key=station.folder / "key.pem").exit_code == 0
    with open_query(station.database) as query:
        tables = ("audit", "trace_case", "trace_question", "trace_part")
        text = "".join(str(query(f"SELECT * FROM {table}")) for table in tables)  # noqa: S608 - constants
    assert BUOI not in text
    assert "046190000001" not in text
