"""Our lines in config.txt and cmdline.txt of a Raspberry Pi are added once and removed again. Other lines stay."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kiosk.installer.layout import InstallLayout
from kiosk.installer.machine import boot_files, firmware
from tests.fakes.parts.installed_device import add_appliance
from tests.paths import PROJECT

OWNER_LINES = "# mine\ndtparam=audio=on\n[cm4]\notg_mode=1"
CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=1234-02 rootfstype=ext4 fsck.repair=yes rootwait quiet\n"

lines = st.text(max_size=20).map(lambda text: " ".join(text.splitlines()))
texts = st.lists(st.one_of(lines, st.sampled_from([firmware.BEGIN, firmware.END, "[all]"])), max_size=8).map("\n".join)
words = st.lists(st.from_regex(r"[a-z.]{1,6}(=[a-z0-9:]{0,5})?", fullmatch=True), max_size=8)


@given(texts)
def test_the_block_is_exactly_once_at_the_end_even_if_added_repeatedly(text: str) -> None:
    once = firmware.with_block(text)
    assert firmware.with_block(once) == once
    assert once.endswith(firmware.BLOCK)
    assert once.count(firmware.BEGIN + "\n") == 1


@given(
    st.lists(lines.filter(lambda line: line.strip() not in (firmware.BEGIN, firmware.END)), max_size=8).map("\n".join)
)
def test_removing_the_block_leaves_the_lines_of_the_owner(text: str) -> None:
    assert firmware.without_block(firmware.with_block(text)).rstrip("\n") == text.rstrip("\n")


@given(words, words)
def test_kernel_parameters_are_added_once_and_can_be_removed(line: list[str], wanted: list[str]) -> None:
    text = " ".join(line)
    added = firmware.missing_words(text, wanted)
    longer = firmware.with_words(text, added)
    assert longer.count("\n") == 1
    assert firmware.missing_words(longer, wanted) == []
    assert firmware.without_words(longer, added).split() == line


def test_a_kernel_parameter_set_by_the_owner_is_kept() -> None:
    assert firmware.missing_words(
        "panic=0 video=HDMI-A-1:1080p", ["panic=10", "video=HDMI-A-1:d", "video=HDMI-A-2:d"]
    ) == ["video=HDMI-A-2:d"]


def test_the_shipped_kernel_parameters_are_parsed() -> None:
    text = (PROJECT / "firmware_config/boot/cmdline.txt").read_text(encoding="utf-8")
    assert firmware.cmdline_words(text) == [
        "panic=10",
        "video=HDMI-A-1:d",
        "video=HDMI-A-2:d",
        "pinctrl_bcm2835.persist_gpio_outputs=n",
    ]


def make_pi(root: Path) -> InstallLayout:
    layout = InstallLayout(root)
    layout.boot_dir.mkdir(parents=True)
    (layout.boot_dir / "config.txt").write_text(OWNER_LINES, encoding="utf-8")
    (layout.boot_dir / "cmdline.txt").write_text(CMDLINE, encoding="utf-8")
    layout.program_dir.mkdir(parents=True)
    add_appliance(layout)
    return layout


def test_a_second_installation_of_the_firmware_files_changes_nothing(tmp_path: Path) -> None:
    layout = make_pi(tmp_path)
    assert boot_files.write_boot_files(layout, lambda: True)
    config, cmdline = (layout.boot_dir / name for name in ("config.txt", "cmdline.txt"))
    assert config.read_text(encoding="utf-8").startswith(OWNER_LINES)
    assert (layout.boot_dir / "entrance-kiosk.txt").read_bytes() == (
        PROJECT / "firmware_config/boot/config.txt"
    ).read_bytes()
    assert cmdline.read_text(encoding="utf-8").startswith(CMDLINE.rstrip())
    before = {path: path.stat().st_mtime_ns for path in layout.boot_dir.iterdir()}
    assert not boot_files.write_boot_files(layout, lambda: True)
    assert {path: path.stat().st_mtime_ns for path in layout.boot_dir.iterdir()} == before
    assert (layout.boot_dir / "config.txt.before-entrance-kiosk").read_text(encoding="utf-8") == OWNER_LINES


def test_uninstall_restores_the_firmware_files(tmp_path: Path) -> None:
    layout = make_pi(tmp_path)
    boot_files.write_boot_files(layout, lambda: True)
    boot_files.remove_boot_files(layout)
    assert sorted(path.name for path in layout.boot_dir.iterdir()) == ["cmdline.txt", "config.txt"]
    assert (layout.boot_dir / "config.txt").read_text(encoding="utf-8").rstrip("\n") == OWNER_LINES
    assert (layout.boot_dir / "cmdline.txt").read_text(encoding="utf-8") == CMDLINE
