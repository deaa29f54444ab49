#!/bin/sh
# Create .venv/ from the lock file and install the system packages for tests and demo. Run by make. It can be run again.
#   setup.sh                         what every make target needs
#   setup.sh chromium                also a browser, for browser tests and screenshots
#   setup.sh docs                    also the builder of the documentation site
#   setup.sh postgresql dtc jq       also programs without which some tests are skipped
#   setup.sh faketime                also faketime, for `make test-clocks`
#   setup.sh mmdebstrap              also mmdebstrap, for `make test-trixie`
#   setup.sh system-tests            also Debian roots, containers and emulated machines, for the system tests
set -eu
cd "$(dirname "$0")"
UV_VERSION=0.13.9

say() { printf '%s\n' "$*" >&2; }

has_library() { "$(command -v ldconfig || echo /sbin/ldconfig)" -p 2>/dev/null | grep -q "$1"; }

apt_install() {
    say "System packages needed: $*. Installing them with apt."
    root=""
    if [ "$(id -u)" -ne 0 ]; then root="sudo"; fi
    if ! command -v apt-get >/dev/null 2>&1; then
        say "There is no apt here. Install them with your package manager, then run make again: $*"
        exit 1
    fi
    if [ -n "$root" ] && ! command -v sudo >/dev/null 2>&1; then
        say "There is no sudo here. As root, type:  apt-get install --no-install-recommends $*   and run make again."
        exit 1
    fi
    if ! { $root apt-get update -qq && $root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@"; } >&2; then
        say "apt could not install them. Type:  ${root:+$root }apt-get install --no-install-recommends $*   and run make again."
        exit 1
    fi
}

wants() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"; }

# libzbar0: pyzbar loads it. mosquitto: demo and tests start their own broker. python3-venv: a separate package in Debian.
missing=""
has_library 'libzbar\.so\.0' || missing="$missing libzbar0"
wants mosquitto mosquitto
[ -x .venv/bin/pip ] || python3 -c 'import ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"
groups=""
for wish in "$@"; do
    case "$wish" in
        chromium) groups="$groups --group browser"; wants chromium "chromium fonts-dejavu-core" ;;
        docs) groups="$groups --group docs" ;;
        postgresql) ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql" ;;
        dtc) wants dtc device-tree-compiler ;;
        jq) wants jq jq; wants mosquitto_sub mosquitto-clients ;;
        faketime) wants faketime faketime ;;
        mmdebstrap) wants mmdebstrap mmdebstrap ;;
        system-tests)
            wants mmdebstrap mmdebstrap; wants systemd-nspawn systemd-container; wants dtc device-tree-compiler
            wants qemu-system-aarch64 "qemu-system-arm qemu-utils ipxe-qemu"; wants qemu-system-x86_64 "qemu-system-x86 seabios"
            wants qemu-aarch64-static qemu-user-static; wants update-binfmts binfmt-support; wants arch-test arch-test
            wants cpio cpio; wants depmod kmod; wants gpg gnupg; wants mke2fs e2fsprogs; wants ip iproute2 ;;
        *) say "Unknown: $wish. Known: chromium, docs, postgresql, dtc, jq, faketime, mmdebstrap, system-tests"; exit 1 ;;
    esac
done
# shellcheck disable=SC2086  # a list of package names
[ -z "$missing" ] || apt_install $missing

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "Python 3.11 or newer is needed; python3 here is $(python3 --version 2>&1)."
    exit 1
fi
[ -x .venv/bin/python ] || { say "Creating the virtual environment .venv/"; python3 -m venv .venv; }
[ -x .venv/bin/uv ] || .venv/bin/python -m pip --quiet --disable-pip-version-check install "uv==$UV_VERSION"
[ $# -gt 0 ] || say "Installing the Python packages of uv.lock (a minute on the first run)"
# shellcheck disable=SC2086
VIRTUAL_ENV="$PWD/.venv" .venv/bin/uv sync --quiet --active --locked --inexact $groups
