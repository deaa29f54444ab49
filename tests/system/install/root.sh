#!/bin/sh
# Make a small Debian root as a card has it before the kiosk is installed, with what Raspberry Pi OS would bring from its own
# archive (picamera2) laid into it. Usage: install_root.sh SUITE TARGET. Called by tests/system/install/root.py. Needs root,
# mmdebstrap, a Debian mirror and PyPI; about two minutes.
set -eu
suite=$1 target=$2
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
rm -rf "$target"
mmdebstrap --quiet --variant=minbase "$suite" "$target" "$mirror" --include=\
python3,python3-dev,python3-pip,gcc,libcap-dev,kmod,udev,systemd,systemd-sysv,dbus,ca-certificates,procps,python3-numpy,python3-pil
cp /etc/resolv.conf "$target/etc/resolv.conf"
cp /etc/ssl/certs/ca-certificates.crt "$target/etc/ssl/certs/ca-certificates.crt"
unset PIP_FIND_LINKS
inside() { chroot "$target" env DEBIAN_FRONTEND=noninteractive "$@"; }
there=/usr/lib/python3/dist-packages
case $suite in
    bookworm)
        # As Raspberry Pi OS: simplejpeg built against numpy 1. Debian 12 has no binding of libcamera: a stub stands in.
        simplejpeg=simplejpeg==1.7.2
        cp tests/system/install/stub.py "$target$there/libcamera.py"
        ;;
    *)
        simplejpeg=simplejpeg==1.8.2
        echo "deb $mirror $suite-backports main" > "$target/etc/apt/sources.list.d/backports.list"
        inside apt-get update -qq
        inside apt-get install -y -qq --no-install-recommends -t "$suite-backports" python3-libcamera libcamera-ipa > /dev/null
        ;;
esac
cp tests/system/install/stub.py "$target$there/pykms.py"
inside python3 -m pip install -q --disable-pip-version-check --root-user-action=ignore --no-deps --target "$there" \
    picamera2==0.3.38 "$simplejpeg" PiDNG==4.0.9 python-prctl piexif videodev2 libarchive-c tqdm av jsonschema==4.17.3 \
    attrs pyrsistent openexr
# What was only needed to build them goes; what the kiosk needs must come with the kiosk.
inside apt-get purge -y -qq --autoremove gcc python3-dev python3-pip libcap-dev > /dev/null
inside apt-get clean
rm -f "$target/etc/resolv.conf"
