#!/bin/sh
# Set up .venv/ from the lock file, and the two system packages that tests and demo need. Run by make; safe to run again.
set -eu
cd "$(dirname "$0")"
UV_VERSION=0.13.9

say() { printf '%s\n' "$*" >&2; }

# libzbar0: pyzbar loads it. mosquitto: demo and tests start a broker of their own. python3-venv: Debian keeps it apart.
missing=""
ldconfig=$(command -v ldconfig || echo /sbin/ldconfig)
"$ldconfig" -p 2>/dev/null | grep -q 'libzbar\.so\.0' || missing="$missing libzbar0"
command -v mosquitto >/dev/null 2>&1 || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
[ -x .venv/bin/pip ] || python3 -c 'import ensurepip' >/dev/null 2>&1 || missing="$missing python3-venv"
missing=${missing# }

if [ -n "$missing" ]; then
    say "This needs the system package(s): $missing. Installing them with apt."
    root=""
    if [ "$(id -u)" -ne 0 ]; then root="sudo"; fi
    by_hand="${root:-sudo} apt-get install --no-install-recommends $missing"
    if ! command -v apt-get >/dev/null 2>&1; then
        say "There is no apt here. Install them in your system's way, then run make again: $missing"
        exit 1
    fi
    if [ -n "$root" ] && ! command -v sudo >/dev/null 2>&1; then
        say "There is no sudo here. As root, type:  apt-get install --no-install-recommends $missing   and run make again."
        exit 1
    fi
    # shellcheck disable=SC2086  # a list of package names
    if ! { $root apt-get update -q && DEBIAN_FRONTEND=noninteractive $root apt-get install -q -y --no-install-recommends $missing; } >&2; then
        say "apt could not install them. Type:  $by_hand   and run make again."
        exit 1
    fi
fi

if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    say "Python 3.11 or newer is needed; python3 here is $(python3 --version 2>&1)."
    exit 1
fi
[ -x .venv/bin/python ] || { say "Making the virtual environment .venv/"; python3 -m venv .venv; }
.venv/bin/python -m pip --quiet --disable-pip-version-check install "uv==$UV_VERSION"
say "Installing the Python packages that uv.lock names (a minute on the first run)"
VIRTUAL_ENV="$PWD/.venv" .venv/bin/uv sync --quiet --active --locked --inexact
