#!/bin/sh
# Make the trixie root for camera and service tests. Usage: root.sh TARGET REQUIREMENTS. Called by tests/system/container/root.py,
# which keeps the result. Needs root, mmdebstrap and a Debian mirror; two minutes.
set -eu
target=$1 requirements=$2
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
rm -rf "$target"
mmdebstrap --quiet --variant=minbase trixie "$target" "$mirror" --include=\
python3,python3-venv,python3-dev,gcc,libcap-dev,kmod,udev,systemd,systemd-sysv,dbus,ca-certificates,libzbar0,procps
# trixie's own libcamera (0.4) does not work with picamera2 0.3.38: frames are flagged bad and capture hangs.
echo "deb $mirror trixie-backports main" > "$target/etc/apt/sources.list.d/backports.list"
# apt and pip inside reach the outside as this machine does.
cp /etc/resolv.conf "$target/etc/resolv.conf"
cp /etc/ssl/certs/ca-certificates.crt "$target/etc/ssl/certs/ca-certificates.crt"
# A folder of wheels on this machine is not one in there.
unset PIP_FIND_LINKS
inside() { chroot "$target" "$@"; }
inside apt-get update -qq
inside env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -t trixie-backports \
    python3-libcamera libcamera-ipa > /dev/null
inside apt-get clean
# As install does on a Pi: over apt's packages, because libcamera's binding is one of them.
inside python3 -m venv --system-site-packages /opt/entrance-kiosk/venv
cp "$requirements" "$target/tmp/requirements.txt"
inside /opt/entrance-kiosk/venv/bin/pip install -q --disable-pip-version-check -r /tmp/requirements.txt
inside gcc -O2 -Wall -shared -fPIC -x c -o /opt/entrance-kiosk/heap.so - -ldl < tests/system/camera/dma_heap.c
