#!/bin/sh
# Make a small Debian root as a server has it before the centre is installed. What apt would fetch from Debian for the packages of
# centre and broker is in it, because the test has no network. Usage: root.sh SUITE TARGET. Called by tests/system/centre/root.py.
# Needs root, mmdebstrap and a Debian mirror; about a minute.
set -eu
suite=$1 target=$2
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
rm -rf "$target"
mmdebstrap --quiet --variant=minbase "$suite" "$target" "$mirror" --include=\
python3,systemd,systemd-sysv,dbus,udev,ca-certificates,procps,curl,libzbar0,mosquitto,mosquitto-clients,postgresql,\
python3-psycopg,logrotate
rm -f "$target/etc/resolv.conf"
# A server that was just installed has Debian's own mosquitto running with its own file, and PostgreSQL without our database.
test -f "$target/etc/mosquitto/mosquitto.conf"
