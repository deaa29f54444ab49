"""Writes the command `kiosk` of a release: it starts Python in every locale, also in one whose encoding Python does not know."""

from pathlib import Path

from kiosk.system import atomic_files

LAUNCHER = """\
#!/bin/sh
# Python ends at once in a locale whose encoding it does not know, such as vi_VN.TCVN.
case "$(locale charmap 2>/dev/null)" in
    UTF-8 | ANSI_X3.4-1968 | ISO-8859-*) ;;
    *)
        LC_ALL=C.UTF-8
        export LC_ALL
        ;;
esac
exec {python} -P -m kiosk.cli "$@"
"""
"""-P: the folder in which the command is typed is no source of modules."""


def write_launcher(venv: Path, final: Path) -> None:
    """Write the command `kiosk` of a virtual environment that will be at `final`. Raises OSError."""
    text = LAUNCHER.format(python=final / "bin/python")
    atomic_files.update_file(venv / "bin/kiosk", text.encode(), 0o755)
