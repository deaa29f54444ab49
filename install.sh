#!/bin/sh
# Install, upgrade or remove the entrance kiosk. Run it as root from the folder of `make bundle`. It can be run again at any time.
#   sudo sh /media/usb/entrance-kiosk-VERSION/install.sh [--credentials-dir FOLDER]     (--help for more; docs/how-to/install.md)
# It adds the folder as a signed source of apt and lets apt do the rest. An installed copy upgrades from any stick or web server:
#   sudo sh /usr/lib/entrance-kiosk/install.sh FOLDER-OR-URL
set -eu
umask 022
LC_ALL=C.UTF-8 # Python ends at once in a locale whose encoding it does not know, such as vi_VN.TCVN
DEBIAN_FRONTEND=noninteractive
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
message_locale=${LANG:-}
export LC_ALL DEBIAN_FRONTEND PATH
unset CDPATH
STORE=/var/lib/entrance-kiosk-packages # a copy, so that apt has its source when the stick is gone
SOURCE=/etc/apt/sources.list.d/entrance-kiosk.sources
LOCK_TIMEOUT_S=300 # other programs install at the first start of a board
here=$(cd -- "$(dirname -- "$0")" && pwd -P)
folder=$here fingerprint='' yes='' purge='' action=install packages=''

vietnamese() { case "$message_locale" in vi*) return 0 ;; *) return 1 ;; esac; }
say() { if vietnamese; then printf '%s\n' "$1" >&2; else printf '%s\n' "$2" >&2; fi; }
fail() { say "install.sh: $1" "install.sh: $2"; exit 1; }

usage() {
    cat <<'END'
usage: install.sh [FOLDER-OR-URL] [options]
  --credentials-dir FOLDER  keys, certificates, lists and kiosk.toml of this gate
  --renew                   replace files of the gate that differ
  --site NAME --gate NAME   names of place and gate, where there is no kiosk.toml
  --enrol                   without names and keys: a QR code of the centre brings them
  --fingerprint WORDS       of the signing key, from the handover paper; asked for if it is not given
  --yes                     ask nothing
  --no-start                start nothing now, only at power-on
  --ready-timeout S         seconds to wait until the kiosk is ready
  --package NAME            install this package instead: entrance-centre or entrance-broker
  --without-appliance       leave the settings of the board as they are
  --uninstall [--purge]     remove the program; with --purge events, settings and keys too
exit status: 0 done, 1 not done, 2 wrong options, 3 installed but not ready, 4 not done and the release before is not ready
END
}

# The fingerprint of an OpenPGP key of version 4: SHA-1 over 0x99, two bytes of length and the body of its first packet (RFC 9580).
# Computed here, because a minimal system has no gpg.
key_fingerprint() {
    # shellcheck disable=SC2046
    set -- "$1" $(od -An -tu1 -N3 "$1")
    case "$2" in
        152) header=2 length=$3 ;;                  # old format, one byte of length
        153) header=3 length=$(($3 * 256 + $4)) ;;  # old format, two bytes
        198) header=2 length=$3 ;;                  # new format, short
        *) return 1 ;;
    esac
    # shellcheck disable=SC2059
    { printf "\\231\\$(printf %03o $((length / 256)))\\$(printf %03o $((length % 256)))"
      tail -c "+$((header + 1))" "$1" | head -c "$length"; } | sha1sum | cut -c1-40 | tr a-f A-F
}

plain() { printf %s "$1" | tr -cd '0-9A-Fa-f' | tr a-f A-F; }

# A person compares the fingerprint once. Later the key must be the same.
require_trust() {
    found=$(key_fingerprint "$1") || fail "$1 không phải là khóa." "$1 is not a key."
    trusted=$(sed -n 's/^# fingerprint //p' "$SOURCE" 2>/dev/null || true)
    if [ -n "$fingerprint" ]; then
        [ "$(plain "$fingerprint")" = "$found" ] || fail "Dấu vân tay của khóa là $found, khác với dấu đã cho. Chưa thay đổi gì." \
            "The fingerprint of the key is $found, not the given one. Nothing was changed."
    elif [ "$trusted" = "$found" ]; then
        :
    elif [ -n "$trusted" ]; then
        fail "Gói này được ký bằng khóa khác: $found. Nếu đúng, hãy thêm --fingerprint. Chưa thay đổi gì." \
            "This source is signed with another key: $found. If that is right, add --fingerprint. Nothing was changed."
    elif [ -n "$yes" ] || [ ! -t 0 ]; then
        fail "Dấu vân tay của khóa là $found. So với giấy bàn giao rồi thêm --fingerprint." \
            "The fingerprint of the key is $found. Compare it with the handover paper and add --fingerprint."
    else
        say "Dấu vân tay của khóa ký:" "Fingerprint of the signing key:"
        printf '    %s\n' "$(printf %s "$found" | sed 's/..../& /g')" >&2
        while :; do
            say "Có giống trên giấy bàn giao không? Gõ bốn chữ cuối:" "Is it the one on the handover paper? Type its last four characters:"
            read -r answer || fail "Chưa thay đổi gì." "Nothing was changed."
            [ "$(plain "$answer")" != "${found#????????????????????????????????????}" ] || break
        done
    fi
}

# Other users could put their own commands into this script. A folder above may be open to all if it is sticky, as /tmp is.
require_own_script() {
    path=$here/$(basename -- "$0")
    while :; do
        # shellcheck disable=SC2046
        set -- $(stat -c '%u %a %U %G %F' "$path")
        bad=yes
        for user in 0 "$(id -u)" "${SUDO_UID:-0}"; do [ "$1" != "$user" ] || bad=; done
        case "$2" in *[2367]) bad=yes ;; esac
        # Many systems give each user a group of their own.
        case "$2 $4" in *[2367]?" root" | *[2367]?" $3") ;; *[2367]?" "*) bad=yes ;; esac
        case "$2 $5" in 1???" directory") bad= ;; esac
        if [ -n "$bad" ]; then
            fail "Người dùng khác có thể thay đổi $path, nên không chạy gì từ đó. Hãy chép thư mục vào /root." \
                "Other users can change $path, so nothing is run from there. Copy the folder to /root."
        fi
        [ "$path" != / ] || break
        path=$(dirname -- "$path")
    done
}

suite() { sed -n 's/^VERSION_CODENAME="\{0,1\}\([a-z]*\)"\{0,1\}$/\1/p' /etc/os-release; }

require_system() {
    [ "$(id -u)" = 0 ] || fail "Cần quyền root. Gõ: sudo sh $0" "Root is needed. Type: sudo sh $0"
    architecture=$(dpkg --print-architecture)
    case "$architecture" in
        arm64 | amd64) ;;
        armhf | armel | i386) fail "Đây là hệ điều hành 32 bit ($architecture). Hãy ghi bản 64 bit vào thẻ." \
            "This is the 32-bit system ($architecture). Write the 64-bit one to the card." ;;
        *) fail "Không hỗ trợ $architecture." "$architecture is not supported." ;;
    esac
    case "$(suite)" in
        bookworm | trixie) ;;
        *) fail "Cần Raspberry Pi OS hoặc Debian, Bookworm hoặc Trixie." "Raspberry Pi OS or Debian is needed, Bookworm or Trixie." ;;
    esac
}

# apt does not accept signatures from its future. A board without a clock may be years behind.
require_clock() {
    date_s=$(date -u -d "$(sed -n 's/^Date: //p' "$1")" +%s 2>/dev/null || echo 0)
    if [ "$(date +%s)" -lt "$date_s" ]; then
        say "Đồng hồ chậm hơn ngày của gói: đặt lại." "The clock is behind the date of the packages: setting it forward."
        date -u -s "@$date_s" >/dev/null || true
    fi
}

write_source() { # URI, key, fingerprint
    {
        printf '# Written by install.sh of the entrance kiosk.\n# fingerprint %s\n' "$3"
        printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n' "$1" "$(suite)"
        # The clock of a board may be wrong for days.
        printf 'Check-Date: no\nCheck-Valid-Until: no\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n'
        base64 -w 64 "$2" | sed 's/^/ /'
        printf ' -----END PGP PUBLIC KEY BLOCK-----\n'
    } > "$SOURCE.new"
    if cmp -s "$SOURCE.new" "$SOURCE"; then rm "$SOURCE.new"; else mv "$SOURCE.new" "$SOURCE"; fi
}

apt_get() { apt-get -qq -o "DPkg::Lock::Timeout=$LOCK_TIMEOUT_S" -o Dpkg::Options::=--force-confold "$@" >&2; }
update_ours() { apt_get -o "Dir::Etc::sourcelist=$SOURCE" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 update; }

forget_lists() { rm -f /var/lib/apt/lists/_var_lib_entrance-kiosk-packages_* /var/lib/apt/lists/partial/_var_lib_entrance-kiosk-packages_*; }

restore_source() {
    rm -rf "$STORE.new" "$STORE"
    if [ -e "$STORE.old" ]; then mv "$STORE.old" "$STORE"; fi
    if [ -e "$SOURCE.old" ]; then mv "$SOURCE.old" "$SOURCE"; else rm -f "$SOURCE"; fi
    fail "Các gói bị hỏng hoặc đã bị sửa: apt từ chối. Chưa thay đổi gì." "The packages are damaged or were changed: apt refuses them. Nothing was changed."
}

add_source() {
    rm -rf "$STORE.new" "$STORE.old" "$SOURCE.old"
    mkdir -p "$STORE.new"
    key=$STORE.new/entrance-kiosk.gpg # all that is trusted is copied first, and looked at after that
    uri=$folder
    case "$folder" in
        http://* | https://*)
            /usr/lib/apt/apt-helper -q download-file "$folder/entrance-kiosk.gpg" "$key" >&2 ||
                fail "Không tải được $folder." "$folder cannot be read."
            ;;
        *)
            if [ ! -f "$folder/entrance-kiosk.gpg" ] || [ ! -d "$folder/dists/$(suite)" ]; then
                fail "$folder không phải là thư mục của make bundle, hoặc không có gói cho $(suite)." \
                    "$folder is not a folder of make bundle, or it has no packages for $(suite)."
            fi
            uri=file:$STORE
            copy_pool || { rm -rf "$STORE.new"; fail "Không đủ chỗ trên thẻ. Chưa thay đổi gì." "Not enough space on the card. Nothing was changed."; }
            require_clock "$STORE.new/dists/$(suite)/Release"
            ;;
    esac
    trap 'rm -rf "$STORE.new"' EXIT
    require_trust "$key"
    trap - EXIT
    if [ -e "$SOURCE" ]; then cp "$SOURCE" "$SOURCE.old"; fi
    if [ -e "$STORE" ]; then mv "$STORE" "$STORE.old"; fi
    mv "$STORE.new" "$STORE"
    key=$STORE/entrance-kiosk.gpg
    write_source "$uri" "$key" "$(key_fingerprint "$key")"
    forget_lists # apt would keep a newer index, and the stick of an older version would be ignored silently
    update_ours || restore_source
}

# Modes and links of a stick are not copied. Packages of other machines stay on the stick.
copy_pool() {
    cp -r --no-preserve=mode,ownership "$folder/dists" "$folder/entrance-kiosk.gpg" "$STORE.new/" &&
        find "$folder/pool" -type f \( -name "*_$architecture.deb" -o -name '*_all.deb' \) | while read -r deb; do
            mkdir -p "$STORE.new/$(dirname "${deb#"$folder"/}")" && cp --no-preserve=mode,ownership "$deb" "$STORE.new/${deb#"$folder"/}" || exit 1
        done
}

# A field of a package in the index of our source.
field() { sed -n "/^Package: $1\$/,/^\$/s/^$2: //p" "$STORE/dists/$(suite)/main/binary-$architecture/Packages" | tail -n 1; }

install_packages() {
    # A power cut may have ended an earlier run.
    if [ -n "$(dpkg --audit)" ]; then dpkg --configure -a >&2 || true; fi
    say "Đang cài đặt ..." "Installing ..."
    if [ -z "$packages" ] && [ -d "$STORE/dists" ]; then
        version=$(field entrance-kiosk Version)
        # First the release alone. Nothing runs it yet, so its 9000 files are written to the disk at once, not one by one.
        apt_get --no-install-recommends -y satisfy "$(field "entrance-kiosk-$version" Depends)" || restore_after_failure
        apt_get -o Dpkg::Options::=--force-unsafe-io --no-install-recommends -y install "entrance-kiosk-$version" || restore_after_failure
        sync -f /opt
        packages="entrance-kiosk=$version ${without_appliance:-entrance-kiosk-appliance=$version}"
    fi
    [ -n "$packages" ] || packages="entrance-kiosk entrance-kiosk-appliance"
    # shellcheck disable=SC2086
    apt_get --no-install-recommends --allow-downgrades -y install $packages || restore_after_failure
    # For `kiosk os-updates`. A board that cannot have it is a kiosk all the same.
    case " $packages" in
        *entrance-kiosk-appliance*)
            if dpkg --status unattended-upgrades >/dev/null 2>&1; then
                :
            elif apt_get --no-install-recommends -y install unattended-upgrades 2>/dev/null; then
                apt-mark -qq auto unattended-upgrades
            else
                say "Không cài được unattended-upgrades, hệ điều hành sẽ không tự cập nhật." "unattended-upgrades could not be installed: the operating system gets no security updates by itself."
            fi
            ;;
    esac
    rm -rf "$STORE.old" "$SOURCE.old"
}

restore_after_failure() {
    if ! apt-get check >/dev/null 2>&1; then
        fail "apt chưa làm xong. Gõ: apt-get -f install, rồi chạy lại." "apt did not finish. Type: apt-get -f install, then run this again."
    fi
    restore_source
}

uninstall() {
    if [ -n "$purge" ]; then
        waiting=$(undelivered)
        if [ "$waiting" != 0 ] && [ -z "$yes" ]; then
            say "$waiting sự kiện chưa gửi tới trung tâm. Gõ con số này để xóa:" "$waiting events were never delivered to the centre. Type this number to delete them:"
            read -r answer || answer=''
            [ "$answer" = "$waiting" ] || fail "Chưa xóa gì." "Nothing was removed."
        fi
        touch /run/entrance-kiosk-purge
    fi
    installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' 'entrance-kiosk*' 2>/dev/null | awk '$2 != "not-installed" { print $1 }')
    # shellcheck disable=SC2086
    [ -z "$installed" ] || apt_get -y "${purge:-remove}" $installed
    rm -rf "$STORE" "$SOURCE"
    forget_lists
    if [ -n "$purge" ]; then
        say "Đã gỡ, kể cả mọi sự kiện và thiết lập." "Removed, with all events and settings."
    else
        say "Đã gỡ. Sự kiện và thiết lập vẫn còn: /var/lib/entrance-kiosk, /etc/entrance-kiosk." "Removed. Events and configuration are still here: /var/lib/entrance-kiosk, /etc/entrance-kiosk."
    fi
}

undelivered() {
    python3 -I -S - /var/lib/entrance-kiosk/events.db <<'END' 2>/dev/null || echo 0
import pathlib, sqlite3, sys
path = pathlib.Path(sys.argv[1])
if path.exists():
    with sqlite3.connect(path) as database:
        print(database.execute("SELECT count(*) FROM outbox").fetchone()[0])
else:
    print(0)
END
}

setup=''
quote() { printf " '%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }
while [ $# -gt 0 ]; do
    case "$1" in
        --help | -h) usage; exit 0 ;;
        --fingerprint) fingerprint=${2?}; shift ;;
        --yes) yes=1; setup="$setup --yes" ;;
        --renew | --no-start | --enrol) setup="$setup $1" ;;
        --credentials-dir)
            [ -d "${2:?}" ] || fail "$2 không phải là thư mục. Chưa thay đổi gì." "$2 is not a folder. Nothing was changed."
            setup="$setup $1$(quote "$2")"; shift ;;
        --ready-timeout | --site | --gate) setup="$setup $1$(quote "${2?}")"; shift ;;
        --package) packages="$packages ${2?}"; shift ;;
        --without-appliance) without_appliance=' ' ;;
        --uninstall) action=uninstall ;;
        --purge) purge=purge ;;
        -*) usage >&2; exit 2 ;;
        http://* | https://*) folder=${1%/} ;;
        *) folder=$(cd -- "$1" 2>/dev/null && pwd -P) || fail "$1 không đọc được." "$1 cannot be read." ;;
    esac
    shift
done
if [ -n "$purge" ] && [ "$action" != uninstall ]; then usage >&2; exit 2; fi
trap 'say "Bị ngắt. Chạy lại lệnh này để làm tiếp." "Interrupted. Run this again to go on."; exit 130' INT TERM
require_own_script
require_system
if [ "$action" = uninstall ]; then uninstall; exit 0; fi
add_source
kiosk_only=''
if [ -z "$packages" ]; then kiosk_only=1; fi
before=$(sha1sum 2>/dev/null < /opt/entrance-kiosk/last-upgrade.json | cut -c1-40 || true)
install_packages
[ -n "$kiosk_only" ] || exit 0
LANG=$message_locale
export LANG
unset LC_ALL
kiosk release wait "$(cat /usr/lib/entrance-kiosk/release)" --since "$before" || exit $?
eval "exec kiosk setup$setup"
