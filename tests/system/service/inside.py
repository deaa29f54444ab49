"""The promises of our systemd units, checked on real systemd. test_service.py boots the root and runs this in it.

The daemon is the shipped one with its synthetic camera and mock pins; there is no network but loopback and no broker.
"""

import grp
import json
import os
import pwd
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ETC = Path("/etc/entrance-kiosk")
STATUS = Path("/run/entrance-kiosk/status.json")
RECORDS = Path("/var/lib/entrance-kiosk/events.db")
DARK = "lamps, buzzer and relay are off"
_tick = threading.Event()


def configure() -> None:
    """What an installer leaves in /etc: keys, lists, configuration; run in the root before it boots."""
    from datetime import UTC, datetime

    from kiosk.credentials.issuing.samples import make_sample_data
    from kiosk.simulation.sandbox import Sandbox

    ETC.mkdir(exist_ok=True)
    Sandbox(ETC, make_sample_data(datetime.now(UTC))).write_files()
    text = (ETC / "kiosk.toml").read_text(encoding="utf-8")
    text = text.replace('run_dir = "run"', 'run_dir = "/run/entrance-kiosk"')
    text = text.replace('path = "events.db"', f'path = "{RECORDS}"').replace("port = 0", "port = 8080")
    text = text.replace('pseudonym_key = "', 'pseudonym_key = "private/')
    (ETC / "kiosk.toml").write_text(text, encoding="utf-8")
    (ETC / "private").mkdir(exist_ok=True)
    (ETC / "pseudonym.key").rename(ETC / "private/pseudonym.key")
    group = grp.getgrnam("entrance-kiosk").gr_gid
    for path in (ETC, *ETC.rglob("*")):
        os.chown(path, 0, group)
        path.chmod(0o750 if path.is_dir() else 0o640)
    subprocess.run(["systemd-tmpfiles", "--create", "entrance-kiosk.conf"], check=True)  # takes the private ones away


def until(what: str, ask: Callable[[], Any], timeout_s: float) -> Any:
    """Ask until the answer is true."""
    ends_s = time.monotonic() + timeout_s
    while time.monotonic() < ends_s:
        found = ask()
        if found:
            return found
        _tick.wait(0.1)
    raise AssertionError(f"not within {timeout_s:g} s: {what}")


def show(unit: str, name: str) -> str:
    done = subprocess.run(
        ["systemctl", "show", unit, "-p", name, "--value"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def main_pid(unit: str = "kiosk") -> int:
    return int(show(unit, "MainPID"))


def status() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(STATUS.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found


def newest_seq() -> int:
    with sqlite3.connect(f"file:{RECORDS}?mode=ro", uri=True) as database:
        return int(database.execute("select coalesce(max(seq), 0) from event").fetchone()[0])


def page() -> int:
    try:
        with urllib.request.urlopen("http://127.0.0.1:8080/healthz", timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except OSError:
        return 0


def healed(before: int) -> dict[str, Any]:
    """Wait for a daemon that is another process than `before`, serves people, and records them."""
    until("another daemon", lambda: main_pid() not in (0, before) and status().get("pid") == main_pid(), 60.0)
    until("it answers people", lambda: sum(status().get("counters", {}).values()), 30.0)
    return status()


def starts_and_is_ready_without_network_or_clock() -> str:
    until("kiosk.service is active", lambda: show("kiosk", "ActiveState") == "active", 30.0)
    until("people are answered", lambda: sum(status().get("counters", {}).values()), 30.0)
    began = int(show("kiosk", "ExecMainStartTimestampMonotonic"))
    ready = int(show("kiosk", "ActiveEnterTimestampMonotonic"))
    assert status()["state"] in ("ready", "degraded"), status()["state"]
    return f"READY=1 {(ready - began) / 1e6:.2f} s after the start; state {status()['state']}"


def runs_as_its_own_user_without_any_privilege() -> str:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{main_pid()}/status").read_text().splitlines())
    found = {name: lines[name].split()[0] for name in ("Uid", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp")}
    assert pwd.getpwuid(int(found["Uid"])).pw_name == "entrance-kiosk"
    assert int(found["CapEff"], 16) == int(found["CapBnd"], 16) == 0
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    return str(found)


def can_read_how_good_the_clock_is_inside_its_sandbox() -> str:
    code = "import ctypes; print(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(208)))"
    shipped = Path("/etc/systemd/system/kiosk.service").read_text(encoding="utf-8").splitlines()
    filters = [part for line in shipped if line.startswith("SystemCallFilter=") for part in ("-p", line)]
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    command = ["systemd-run", "-q", "--pipe", "--wait", "-p", "SystemCallErrorNumber=EPERM", *filters]
    boxed = subprocess.run([*command, sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert boxed.stdout.strip() == plain != "-1", (boxed.stdout, plain)
    return f"adjtimex gives {plain} outside and {boxed.stdout.strip()} inside"


def writes_nowhere_but_where_it_may() -> str:
    def can_write(folder: str) -> bool:
        command = ["nsenter", "-t", str(main_pid()), "-m", "sh", "-c", f"touch {folder}/.probe && rm {folder}/.probe"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    may = {"/var/lib/entrance-kiosk", "/run/entrance-kiosk", "/tmp"}  # noqa: S108  its own, private
    may_not = {
        "/etc",
        "/etc/entrance-kiosk",
        "/usr",
        "/opt/entrance-kiosk",
        "/var/lib",
        "/var",
        "/root",
        "/home",
        "/boot",
    }
    assert {folder for folder in may if not can_write(folder)} == set()
    assert {folder for folder in may_not if can_write(folder)} == set()
    return f"{len(may)} places may be written, {len(may_not)} may not"


def wrote_nothing_to_the_disk_but_its_records() -> str:
    kiosk = pwd.getpwnam("entrance-kiosk").pw_uid
    found = subprocess.run(
        ["find", "/", "-xdev", "-uid", str(kiosk), "-type", "f", "-not", "-path", "/proc/*"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    strangers = [path for path in found if not path.startswith("/var/lib/entrance-kiosk/")]
    assert not strangers, strangers
    return f"{len(found)} files, none elsewhere"


def as_unit(unit: str, command: str) -> str:
    """Run a shell's line with the user, groups and mounts of a unit's main process."""
    pid = str(main_pid(unit))
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    user, group = lines["Uid"].split()[0], lines["Gid"].split()[0]
    groups = ",".join(lines["Groups"].split())
    become = ["setpriv", f"--reuid={user}", f"--regid={group}", f"--groups={groups}", "sh", "-c", command]
    enter = ["nsenter", "-t", pid, "-m", *become]
    return subprocess.run(enter, capture_output=True, text=True, check=False).stdout.strip()


def the_page_reads_records_writes_none_and_sees_no_keys() -> str:
    until("the page answers", page, 20.0)

    def as_the_page(command: str) -> str:
        return as_unit("kiosk-web", command)

    count = f"import sqlite3; d = sqlite3.connect('file:{RECORDS}?mode=ro', uri=True)"
    count += "; print(d.execute('select count(*) from event').fetchone()[0])"
    assert int(as_the_page(f'{sys.executable} -c "{count}"') or 0) > 0, "the page cannot read the records"
    assert as_the_page(f"test -w {RECORDS} && echo writable") == ""
    assert as_the_page("touch /var/lib/entrance-kiosk/x && echo made") == ""
    assert as_the_page("cat /etc/entrance-kiosk/private/pseudonym.key | wc -c") == "0"
    assert as_the_page("cat /run/credentials/kiosk.service/* | wc -c") == "0"
    return f"page answers {page()}"


def has_its_keys_from_systemd_and_cannot_see_their_files() -> str:
    key = ETC / "private/pseudonym.key"
    assert (key.owner(), key.stat().st_mode & 0o777) == ("root", 0o400)
    assert as_unit("kiosk", f"cat {key} | wc -c") == "0"
    given = "/run/credentials/kiosk.service/private_pseudonym.key"
    assert as_unit("kiosk", f"cat {given} | wc -c") == str(key.stat().st_size), "the daemon was not handed its key"
    assert as_unit("kiosk", f"test -w {given} && echo writable") == ""
    kind = subprocess.run(["stat", "-f", "-c", "%T", given], capture_output=True, text=True, check=True).stdout.strip()
    assert kind in ("ramfs", "tmpfs"), f"the copy lies on {kind}"
    return f"{len(list(Path(given).parent.iterdir()))} handed over in {kind}"


def journal_of(unit: str) -> str:
    subprocess.run(["journalctl", "--sync"], check=True)
    return subprocess.run(["journalctl", "-u", unit, "-o", "cat"], capture_output=True, text=True, check=True).stdout


def retention_is_kept_while_the_daemon_does_not_run() -> str:
    """After the stop. While it runs, the timer's unit leaves the deletion to it."""
    subprocess.run(["systemctl", "start", "kiosk"], check=True)
    until("it has a status", STATUS.exists, 20.0)
    subprocess.run(["systemctl", "start", "kiosk-purge"], check=True)
    assert "deletes expired events itself" in journal_of("kiosk-purge")
    assert " events deleted" not in journal_of("kiosk-purge")
    subprocess.run(["systemctl", "stop", "kiosk"], check=True)
    subprocess.run(["systemctl", "start", "kiosk-purge"], check=True)
    assert show("kiosk-purge", "Result") == "success"
    assert " events deleted" in journal_of("kiosk-purge")
    assert show("kiosk-purge.timer", "ActiveState") == "active"
    return "skipped while the daemon runs, done while it does not"


def a_page_that_is_killed_leaves_the_gate_alone_and_comes_back() -> str:
    daemon, before = main_pid(), newest_seq()
    os.kill(main_pid("kiosk-web"), signal.SIGKILL)
    until("more people were answered", lambda: newest_seq() > before, 30.0)
    until("the page answers again", page, 20.0)
    assert main_pid() == daemon
    return f"{newest_seq() - before} access events meanwhile, the daemon is the same process"


def a_page_that_hangs_is_killed_by_its_watchdog_and_starts_anew() -> str:
    daemon, hung, restarts = main_pid(), main_pid("kiosk-web"), int(show("kiosk-web", "NRestarts"))
    began_s = time.monotonic()
    os.kill(hung, signal.SIGSTOP)
    until("systemd has restarted it", lambda: int(show("kiosk-web", "NRestarts")) > restarts, 60.0)
    took_s = time.monotonic() - began_s
    until("the page answers again", page, 20.0)
    assert main_pid() == daemon
    return f"restarted {took_s:.0f} s after it hung, the daemon is the same process"


def a_killed_daemon_is_back_in_seconds_and_has_lost_nothing() -> str:
    before, recorded = main_pid(), newest_seq()
    began_s = time.monotonic()
    os.kill(before, signal.SIGKILL)
    until("another daemon", lambda: main_pid() not in (0, before) and status().get("pid") == main_pid(), 30.0)
    back_s = time.monotonic() - began_s
    healed(before)
    assert newest_seq() >= recorded
    return f"status again after {back_s:.1f} s, {newest_seq()} access events"


def the_lamps_were_put_dark_after_the_kill() -> str:
    journal = subprocess.run(["journalctl", "-u", "kiosk", "-o", "cat"], capture_output=True, text=True, check=True)
    lines = journal.stdout.splitlines()
    assert lines.count(DARK) >= int(show("kiosk", "NRestarts")) >= 1, journal.stdout[-1000:]
    return DARK


def a_daemon_that_hangs_is_killed_by_the_watchdog_and_starts_anew() -> str:
    before, restarts = main_pid(), int(show("kiosk", "NRestarts"))
    began_s = time.monotonic()
    os.kill(before, signal.SIGSTOP)
    until("systemd has restarted it", lambda: int(show("kiosk", "NRestarts")) > restarts, 60.0)
    took_s = time.monotonic() - began_s
    healed(before)
    journal = subprocess.run(["journalctl", "-u", "kiosk", "-o", "cat"], capture_output=True, text=True, check=True)
    assert "Watchdog timeout" in journal.stdout
    return f"restarted {took_s:.0f} s after it stopped turning"


def a_camera_that_hangs_in_its_driver_starves_the_watchdog() -> str:
    """A picture turns into a pipe without a writer: the camera's thread hangs in read(), the others turn."""
    pictures = Path("/srv/pictures")
    pictures.mkdir()
    for name in ("a.pgm", "b.pgm"):
        (pictures / name).write_bytes(b"P5 640 480 255\n" + os.urandom(640 * 480))
    toml = ETC / "kiosk.toml"
    toml.write_text(toml.read_text().replace('source = "synthetic"', f'source = "replay:{pictures}"'))
    subprocess.run(["systemctl", "restart", "kiosk"], check=True)
    until("it is ready", lambda: status().get("state") == "ready", 30.0)
    before, restarts = main_pid(), int(show("kiosk", "NRestarts"))
    (pictures / "b.pgm").unlink()
    os.mkfifo(pictures / "b.pgm")
    began_s = time.monotonic()
    until("the lamp says so", lambda: status().get("state") == "out-of-order", 10.0)
    shown_s = time.monotonic() - began_s
    assert main_pid() == before
    until("systemd has restarted it", lambda: int(show("kiosk", "NRestarts")) > restarts, 60.0)
    took_s = time.monotonic() - began_s
    until("it is ready again", lambda: status().get("state") == "ready" and main_pid() != before, 30.0)
    journal = subprocess.run(["journalctl", "-u", "kiosk", "-o", "cat"], capture_output=True, text=True, check=True)
    assert "replay_camera.py" in journal.stdout, "the journal does not tell where it hung"
    return f"out-of-order after {shown_s:.1f} s, restarted after {took_s:.0f} s; the journal names the place"


def a_stop_is_clean_and_quick() -> str:
    began_s = time.monotonic()
    subprocess.run(["systemctl", "stop", "kiosk"], check=True)
    took_s = time.monotonic() - began_s
    assert show("kiosk", "Result") == "success"
    assert not STATUS.exists(), "a stopped kiosk still has a status"
    return f"{took_s:.1f} s"


def udev_has_nothing_to_say_against_our_rules() -> str:
    command = ["udevadm", "verify", "--no-summary", "/etc/udev/rules.d/70-entrance-kiosk.rules"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, ""), done.stdout + done.stderr
    return "read by systemd-udev itself"


def exposure_is_at_most_two() -> str:
    scores = []
    for unit in ("kiosk.service", "kiosk-web.service", "kiosk-purge.service"):
        command = ["systemd-analyze", "security", "--no-pager", "--threshold=20", unit]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-300:]
        scores.append(done.stdout.strip().splitlines()[-1].strip("→ "))
    return "; ".join(scores)


CHECKS = (
    starts_and_is_ready_without_network_or_clock,
    runs_as_its_own_user_without_any_privilege,
    can_read_how_good_the_clock_is_inside_its_sandbox,
    writes_nowhere_but_where_it_may,
    has_its_keys_from_systemd_and_cannot_see_their_files,
    the_page_reads_records_writes_none_and_sees_no_keys,
    a_page_that_is_killed_leaves_the_gate_alone_and_comes_back,
    a_page_that_hangs_is_killed_by_its_watchdog_and_starts_anew,
    a_killed_daemon_is_back_in_seconds_and_has_lost_nothing,
    the_lamps_were_put_dark_after_the_kill,
    a_daemon_that_hangs_is_killed_by_the_watchdog_and_starts_anew,
    a_camera_that_hangs_in_its_driver_starves_the_watchdog,
    wrote_nothing_to_the_disk_but_its_records,
    a_stop_is_clean_and_quick,
    retention_is_kept_while_the_daemon_does_not_run,
    udev_has_nothing_to_say_against_our_rules,
    exposure_is_at_most_two,
)


def main() -> int:
    failed = 0
    with Path("/results/checks").open("w", encoding="utf-8") as out:
        for check in CHECKS:
            try:
                said, met = check(), True
            except Exception as error:  # noqa: BLE001  the next check still runs
                said, met = f"{type(error).__name__}: {error}", False
                failed += 1
            print(json.dumps({"check": check.__name__, "met": met, "said": said}), file=out, flush=True)
    journal = subprocess.run(["journalctl", "--no-pager", "-b"], capture_output=True, text=True, check=False).stdout
    Path("/results/journal").write_text(journal, encoding="utf-8")
    subprocess.run(["systemctl", "exit", "1" if failed else "0"], check=True)
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["configure"]:
        configure()
    else:
        sys.exit(main())
