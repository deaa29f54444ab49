"""An invalid optional file never closes the gate: the daemon starts, people can pass, and a health check reports it."""

from pathlib import Path

import pytest

from kiosk.system.status_file import read_status
from tests.fakes.processes.replay_daemon import daemon, empty_scene, put, state, until

START_TIMEOUT_S = 60.0


@pytest.mark.parametrize("content", [None, b"", b"not a list"], ids=["missing", "empty", "garbage"])
def test_a_denylist_that_cannot_be_used_does_not_close_the_gate(tmp_path: Path, content: bytes | None) -> None:
    pictures, run_dir = tmp_path / "pictures", tmp_path / "run"
    pictures.mkdir()
    put(pictures, "1", empty_scene())
    wrong = tmp_path / "deny.cbor"
    if content is not None:
        wrong.write_bytes(content)
    changes = {'denylist = "denylist.cbor"': f'denylist = "{wrong}"'}
    with daemon(pictures, run_dir, 5.0, changes=changes):
        until(lambda: state(run_dir) in {"ready", "degraded"}, START_TIMEOUT_S)
        found = read_status(run_dir)
    assert found is not None
    checks = {check["code"]: check for check in found["checks"]}
    assert (checks["denylist"]["status"], checks["denylist"]["reason"]) == ("warn", "unusable")
    assert "deny" in checks["denylist"]["detail"]
    assert "denylist" not in found["lists"]
