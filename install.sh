#!/bin/sh
# Install, upgrade or remove the entrance kiosk on this board. Run it as root. It can be run again at any time.
#   tar xf entrance-kiosk-VERSION.tar && sudo ./entrance-kiosk-VERSION/install.sh     (--help for more; docs/how-to/install.md)
#   sudo ./install.sh BUNDLE.tar                                                      from the folder of the project
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)

say() { printf 'install.sh: %s\n' "$*" >&2; }

if ! command -v python3 >/dev/null 2>&1 || ! python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))'; then
    say "Cần Python 3.11 trở lên / Python 3.11 or newer is needed. Type:  apt-get install python3"
    exit 1
fi
case "${1:-}" in
    *.tar)
        # On the disk, because /tmp is in memory on a kiosk.
        unpacked=$(mktemp -d /var/tmp/entrance-kiosk.XXXXXX)
        trap 'rm -rf "$unpacked"' EXIT INT TERM
        tar -xf "$1" -C "$unpacked"
        shift
        "$unpacked"/*/install.sh "$@"
        exit
        ;;
esac
if [ ! -f "$here/manifest.json" ] && [ "${1:-}" != "--help" ]; then
    say "Đây chưa phải bộ cài / this folder is not a bundle. Type:  make bundle   then:  sudo ./install.sh dist/entrance-kiosk-*.tar"
    exit 1
fi
BUNDLE="$here" PYTHONPATH="$here/installer" exec python3 -B -m kiosk.installer "$@"
