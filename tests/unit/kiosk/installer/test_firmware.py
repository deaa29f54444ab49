"""Our part of a Raspberry Pi's config.txt and cmdline.txt: in once, out again, the owner's own lines as they were."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import firmware, system_files
from tests.paths import PROJECT

OWNERS = "# mine\ndtparam=audio=on\n[cm4]\notg_mode=1"
CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=1234-02 rootfstype=ext4 fsck.repair=yes rootwait quiet\n"

lines = st.text(max_size=20).map(lambda text: " ".join(text.splitlines()))
texts = st.lists(st.one_of(lines, st.sampled_from([firmware.BEGIN, firmware.END, "[all]"])), max_size=8).map("\n".join)
words = st.lists(st.from_regex(r"[a-z.]{1,6}(=[a-z0-9:]{0,5})?", fullmatch=True), max_size=8)


@given(texts)
def test_the_block_stands_exactly_once_at_the_end_however_often_it_is_put_there(text: str) -> None:
    once = firmware.with_block(text)
    assert firmware.with_block(once) == once
    assert once.endswith(firmware.BLOCK)
    assert once.count(firmware.BEGIN + "\n") == 1


@given(
    st.lists(lines.filter(lambda line: line.strip() not in (firmware.BEGIN, firmware.END)), max_size=8).map("\n".join)
)
def test_taken_away_it_leaves_the_owners_lines(text: str) -> None:
    assert firmware.without_block(firmware.with_block(text)).rstrip("\n") == text.rstrip("\n")


@given(words, words)
def test_words_of_the_command_line_go_in_once_and_come_out_again(line: list[str], wanted: list[str]) -> None:
    text = " ".join(line)
    added = firmware.missing_words(text, wanted)
    longer = firmware.with_words(text, added)
    assert longer.count("\n") == 1
    assert firmware.missing_words(longer, wanted) == []
    assert firmware.without_words(longer, added).split() == line


def test_an_owners_own_value_stays_in_force() -> None:
    assert firmware.missing_words(
        "panic=0 video=HDMI-A-1:1080p", ["panic=10", "video=HDMI-A-1:d", "video=HDMI-A-2:d"]
    ) == ["video=HDMI-A-2:d"]


def test_the_shipped_words_are_words() -> None:
    text = (PROJECT / "firmware_config/boot/cmdline.txt").read_text(encoding="utf-8")
    assert firmware.cmdline_words(text) == [
        "panic=10",
        "video=HDMI-A-1:d",
        "video=HDMI-A-2:d",
        "pinctrl_bcm2835.persist_gpio_outputs=n",
    ]


def a_pi(root: Path) -> InstallLayout:
    layout = InstallLayout(root)
    layout.boot_dir.mkdir(parents=True)
    (layout.boot_dir / "config.txt").write_text(OWNERS, encoding="utf-8")
    (layout.boot_dir / "cmdline.txt").write_text(CMDLINE, encoding="utf-8")
    layout.program_dir.mkdir(parents=True)
    return layout


def test_the_firmware_is_told_once_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    layout = a_pi(tmp_path)
    assert system_files.install_firmware_config(PROJECT, layout)
    config, cmdline = (layout.boot_dir / name for name in ("config.txt", "cmdline.txt"))
    assert config.read_text(encoding="utf-8").startswith(OWNERS)
    assert (layout.boot_dir / "entrance-kiosk.txt").read_bytes() == (
        PROJECT / "firmware_config/boot/config.txt"
    ).read_bytes()
    assert cmdline.read_text(encoding="utf-8").startswith(CMDLINE.rstrip())
    before = {path: path.stat().st_mtime_ns for path in layout.boot_dir.iterdir()}
    assert not system_files.install_firmware_config(PROJECT, layout)
    assert {path: path.stat().st_mtime_ns for path in layout.boot_dir.iterdir()} == before
    assert (layout.boot_dir / "config.txt.before-entrance-kiosk").read_text(encoding="utf-8") == OWNERS


def test_uninstalling_leaves_the_firmware_as_the_owner_had_it(tmp_path: Path) -> None:
    layout = a_pi(tmp_path)
    system_files.install_firmware_config(PROJECT, layout)
    system_files.remove_files(layout)
    assert sorted(path.name for path in layout.boot_dir.iterdir()) == ["cmdline.txt", "config.txt"]
    assert (layout.boot_dir / "config.txt").read_text(encoding="utf-8").rstrip("\n") == OWNERS
    assert (layout.boot_dir / "cmdline.txt").read_text(encoding="utf-8") == CMDLINE
