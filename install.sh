#!/bin/sh
# Install, upgrade or remove the entrance kiosk on this board. Run it as root. It can be run again at any time.
#   tar xf entrance-kiosk-VERSION.tar && sudo ./entrance-kiosk-VERSION/install.sh     (--help for more; docs/how-to/install.md)
#   sudo ./install.sh BUNDLE.tar                                                      from the folder of the project
set -eu
umask 022
LC_ALL=C.UTF-8 # Python ends at once in a locale whose encoding it does not know, such as vi_VN.TCVN
export LC_ALL
if [ "$(id -u)" = 0 ]; then
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    export PATH
fi
unset CDPATH
here=$(cd -- "$(dirname -- "$0")" && pwd -P)

say() { printf 'install.sh: %s\n' "$*" >&2; }

# The first path of the bundle, or of a folder above it, that a user other than root and the caller can change.
# Links and devices count too: a bundle has none, and an installed release only links of root. A folder above may be open to all if it is sticky, as /tmp is.
changed_by_others() {
    caller=$(id -u)
    sudoer=$(printf '%s' "${SUDO_UID:-$caller}" | tr -cd '0-9')
    sudoer=${sudoer:-$caller}
    private_group=0 # many systems give each user a group of their own
    if [ "$(id -un "$sudoer" 2>/dev/null)" = "$(id -gn "$sudoer" 2>/dev/null)" ]; then
        private_group=$(id -g "$sudoer")
    fi
    owned="( -uid 0 -o -uid $caller -o -uid $sudoer )"
    closed="! -perm /002 ( ! -perm /020 -o -gid 0 -o -gid $private_group )"
    links="-false"
    case "$1" in
        /opt/entrance-kiosk/releases/*) links="-type l -uid 0" ;; # an installed release has the links of its venv
    esac
    set -f # the words of $owned and $closed are options, not patterns
    # shellcheck disable=SC2086
    find "$1" ! \( \( -type f -o -type d \) $owned $closed \) ! \( $links \) -print -quit || printf '%s\n' "$1"
    above=$1
    while [ "$above" != / ]; do
        above=$(dirname -- "$above")
        # shellcheck disable=SC2086
        find "$above" -maxdepth 0 ! \( $owned \( -perm -1000 -o $closed \) \) -print || printf '%s\n' "$above"
    done
    set +f
}

# -I and -S: nothing is imported from the current folder, from PYTHONPATH or from site-packages (python3(1)).
if ! command -v python3 >/dev/null 2>&1 || ! python3 -I -S -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))'; then
    say "Cần Python 3.11 trở lên / Python 3.11 or newer is needed. Type:  apt-get install python3"
    exit 1
fi
case "${1:-}" in
    *.tar)
        # On the disk, because /tmp is in memory on a kiosk. Owner and modes are ours, whatever the file says.
        unpacked=$(mktemp -d /var/tmp/entrance-kiosk.XXXXXX)
        trap 'rm -rf "$unpacked"' EXIT INT TERM
        tar --no-same-owner --no-same-permissions -xf "$1" -C "$unpacked"
        shift
        for script in "$unpacked"/*/install.sh; do
            sh "$script" "$@"
            exit
        done
        ;;
esac
if [ ! -f "$here/manifest.json" ] && [ "${1:-}" != "--help" ]; then
    say "Đây chưa phải bộ cài / this folder is not a bundle. Type:  make bundle   then:  sudo ./install.sh dist/entrance-kiosk-*.tar"
    exit 1
fi
found=$(changed_by_others "$here" | head -n 1 | tr -d '[:cntrl:]')
if [ -n "$found" ]; then
    say "Người dùng khác có thể thay đổi $found, nên không chạy gì từ đó. Hãy giải nén vào thư mục của root: sudo tar --no-same-owner --no-same-permissions -C /root -xf BUNDLE.tar"
    say "Other users can change $found, so nothing is run from there. Unpack the bundle into a folder of root: sudo tar --no-same-owner --no-same-permissions -C /root -xf BUNDLE.tar"
    exit 1
fi
BUNDLE="$here" exec python3 -I -S -B -c '
import runpy, sys
sys.path.append(sys.argv.pop(1))
runpy.run_module("kiosk.installer", run_name="__main__", alter_sys=True)' "$here/installer" "$@"
