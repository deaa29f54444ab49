"""`kiosk verify`: one code per line, one result per line, for any input."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.cli.issuing.verify import MAX_LINE_BYTES, verify
from kiosk.credentials.trust.files import ListError
from tests.fakes.data.people import NOW_AT, WORLD, write_world

AT = NOW_AT.isoformat()


def results(folder: Path, lines: bytes, *options: str) -> list[dict[str, Any]]:
    trust_path = write_world(folder)
    arguments = ["--json", "--trust", str(trust_path), "--at", AT, *options, "-"]
    result = CliRunner().invoke(verify, arguments, input=io.BytesIO(lines))
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_each_sample_gives_its_result_in_its_line(tmp_path: Path) -> None:
    lines = b"\n".join(sample.data for sample in WORLD.samples)
    found = results(tmp_path, lines, "--deny", str(tmp_path / "denylist.cose"))
    assert [(each["kind"], each["outcome"], each["reason"]) for each in found] == [
        (sample.kind, sample.outcome, sample.reason) for sample in WORLD.samples
    ]
    assert [each["assurance"] for each in found if each["outcome"] == "pass"] == ["verified"] * 3 + ["recognised"] * 3
    assert all(list(each) == ["kind", "assurance", "outcome", "reason"] for each in found)


def test_an_expired_code_is_still_verified(tmp_path: Path) -> None:
    (found,) = results(tmp_path, WORLD["expired"].data + b"\n")
    assert found == {"kind": "entry-pass", "assurance": "verified", "outcome": "fail", "reason": "expired"}


def test_the_given_time_decides_on_validity(tmp_path: Path) -> None:
    line = WORLD["not-yet-valid"].data
    (now,) = results(tmp_path, line)
    (later,) = results(tmp_path, line, "--at", "2026-11-26T00:00:00Z")
    (naive,) = results(tmp_path, line, "--at", "2026-11-26")
    assert [now["reason"], later["reason"], naive["reason"]] == ["not-yet-valid", "ok", "ok"]


def test_a_bad_line_never_ends_the_run(tmp_path: Path) -> None:
    lines = [
        b"",
        b"\x00\xff\xfe",
        b"HUE1:\xf0\x9f",
        b"x" * 3 * MAX_LINE_BYTES,
        b"HC1:" + b"0" * 200_000,
        WORLD["valid"].data,
    ]
    found = results(tmp_path, b"\n".join(lines) + b"\n")
    assert [each["reason"] for each in found] == [
        "unknown-code", "unknown-code", "malformed", "unknown-code", "malformed", "ok",
    ]  # fmt: skip


def test_lines_of_exactly_the_limit_are_one_line_each(tmp_path: Path) -> None:
    lines = [b"x" * (MAX_LINE_BYTES + more) for more in (-1, 0, 1)]
    assert len(results(tmp_path, b"\n".join(lines))) == 3
    assert len(results(tmp_path, b"\r\n".join(lines) + b"\r\n")) == 3


def test_lines_may_end_as_windows_ends_them(tmp_path: Path) -> None:
    assert [each["reason"] for each in results(tmp_path, WORLD["valid"].data + b"\r\n")] == ["ok"]


@given(lines=st.lists(st.binary(max_size=100).filter(lambda line: b"\n" not in line), max_size=8))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_there_is_one_result_per_line(tmp_path: Path, lines: list[bytes]) -> None:
    assert len(results(tmp_path, b"".join(line + b"\n" for line in lines))) == len(lines)


def test_without_json_the_output_is_text_in_the_chosen_language(tmp_path: Path) -> None:
    trust_path = write_world(tmp_path)
    (tmp_path / "codes").write_bytes(WORLD["expired"].data + b"\n" + WORLD["id-card"].data + b"\n")

    def output_in(language: str) -> str:
        arguments = ["--trust", str(trust_path), "--at", AT, "--language", language, str(tmp_path / "codes")]
        return CliRunner().invoke(verify, arguments).output

    assert output_in("vi").splitlines()[0] == "Từ chối: Thẻ ra vào. Mã hết hạn. Xin đưa mã khác, hoặc xin cấp lại."
    assert output_in("en").splitlines()[1] == "Let through: ID card. The code is valid."


def test_the_root_key_may_be_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    write_world(tmp_path)
    (tmp_path / "root.pem").rename(tmp_path / "keys" / "root.pem")
    arguments = ["--trust", str(tmp_path / "trust-list.cose"), "--root", str(tmp_path / "keys" / "root.pem"), "-"]
    assert CliRunner().invoke(verify, arguments, input=b"").exit_code == 0


@pytest.mark.parametrize("at", ["soon", "2026-13-01", ""])
def test_an_invalid_time_is_rejected_with_an_example(tmp_path: Path, at: str) -> None:
    result = CliRunner().invoke(verify, ["--trust", str(write_world(tmp_path)), "--at", at, "-"], input=b"")
    assert result.exit_code == 2
    assert "2026-11-23T08:00:00Z" in result.output


def test_an_invalid_trust_list_ends_the_command_with_an_error(tmp_path: Path) -> None:
    write_world(tmp_path)
    (tmp_path / "trust-list.cose").write_bytes(b"no list")
    result = CliRunner().invoke(verify, ["--trust", str(tmp_path / "trust-list.cose"), "-"], input=b"")
    assert isinstance(result.exception, ListError)


def test_no_result_contains_a_part_of_a_code(tmp_path: Path) -> None:
    trust_path = write_world(tmp_path)
    lines = b"\n".join(sample.data for sample in WORLD.samples)
    for options in (["--json"], []):
        output = CliRunner().invoke(verify, ["--trust", str(trust_path), "--at", AT, *options, "-"], input=lines).output
        for sample in WORLD.samples:
            for secret in (sample.text, *(sample.person.personal_values() if sample.person else ())):
                assert secret not in output
