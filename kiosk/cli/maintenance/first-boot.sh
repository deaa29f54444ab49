#!/bin/sh
# Installs the kiosk at the first start of a card that `kiosk card prepare` wrote. Runs as root on the board.
#   --later: only let the next normal start do it (for firstrun.sh, which runs before the system is there)
# What the board must have for itself is made here: pseudonym key and epoch by the kiosk, machine id and host keys by the system.
set -u
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
here=$(cd -- "$(dirname -- "$0")" && pwd -P) root=${ENTRANCE_ROOT:-}
unit=$root/etc/systemd/system/entrance-kiosk-first-boot.service
work=$root/run/entrance-kiosk-first-boot
log=${here%/*}/entrance-kiosk-first-boot.log # on the boot partition, so that a person can read it on any computer

# Each normal start tries again until it has worked: a power cut in the middle changes nothing.
later() {
    mkdir -p "${unit%/*}/multi-user.target.wants"
    cat > "$unit" <<END
[Unit]
Description=Entrance kiosk: installation at the first start
ConditionPathExists=$here/first-boot.sh
After=systemd-timesyncd.service

[Service]
Type=oneshot
ExecStart=/bin/sh $here/first-boot.sh
TimeoutStartSec=1h

[Install]
WantedBy=multi-user.target
END
    ln -sf ../entrance-kiosk-first-boot.service "${unit%/*}/multi-user.target.wants/entrance-kiosk-first-boot.service"
}

# Keys must not stay on a partition that any computer reads. Flash memory may keep old blocks: see the documentation.
wipe() {
    find "$1" -type f -exec sh -c 'for file; do shred -n 1 -z -u "$file" 2>/dev/null || rm -f "$file"; done' sh {} +
    rm -rf "$1"
}

later
[ "${1:-}" != --later ] || exit 0

rm -rf "$work"
mkdir -p "$work" && chmod 700 "$work"
set -- --yes --fingerprint "$(cat "$here/fingerprint")"
if [ -d "$here/gate" ]; then
    cp -r "$here/gate" "$work/" || exit 1
    set -- "$@" --credentials-dir "$work/gate"
fi
if [ -s "$here/names" ]; then
    set -- "$@" --site "$(cut -d/ -f1 "$here/names")" --gate "$(cut -d/ -f2 "$here/names")"
fi
sh "$here/install.sh" "$@" > "$work/log" 2>&1
status=$?
tail -n 40 "$work/log"
{ date -u && echo "exit status $status" && tail -n 200 "$work/log"; } > "$log" 2>/dev/null
wipe "$work"
# 3: installed, and not ready, for example because the camera is not connected yet.
case "$status" in
    0 | 3)
        if [ -d "$here/gate" ]; then wipe "$here/gate"; fi
        rm -rf "$here"
        rm -f "$unit" "${unit%/*}/multi-user.target.wants/entrance-kiosk-first-boot.service"
        sync
        if [ -e "$root/run/reboot-required" ]; then systemctl --no-block reboot; fi
        exit 0
        ;;
esac
exit 1
