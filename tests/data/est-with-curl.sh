#!/bin/sh
# Enrols and renews as RFC 7030 describes it, with openssl and curl alone.
# Usage: est-with-curl.sh URL SITE DEVICE TOKEN_HEX FINGERPRINT_HEX FOLDER ACTION
#   ACTION: begin (key, request, authority, first question), collect (ask again), renew (next certificate)
set -eu
url=$1 name="$2/$3" token=$4 fingerprint=$5 folder=$6 action=$7
base="$url/.well-known/est"
cd "$folder"

certificate_of() { # base64 of certs-only PKCS#7 -> PEM
    openssl base64 -d -in "$1" | openssl pkcs7 -inform DER -print_certs | sed -n '/BEGIN/,/END/p'
}

request() { # key file -> request in base64 of DER
    openssl req -new -key "$1" -subj "/CN=$2\\/$3/serialNumber=10000000abcdef" -outform DER | openssl base64
}

enrol() {
    curl --silent --show-error --cacert ca.pem --user "$name:$token" --data-binary @request.b64 \
        --header 'Content-Type: application/pkcs10' --header 'Content-Transfer-Encoding: base64' \
        --dump-header headers --output answer --write-out '%{http_code}\n' "$base/simpleenroll"
}

case $action in
begin)
    openssl ecparam -name prime256v1 -genkey -noout -out device.key
    request device.key "$2" "$3" >request.b64
    curl --silent --show-error --insecure --output authority.b64 "$base/cacerts"
    certificate_of authority.b64 >ca.pem
    found=$(openssl x509 -in ca.pem -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr 'A-F' 'a-f')
    [ "$found" = "$fingerprint" ] || { echo "another authority" >&2; exit 1; }
    enrol
    ;;
collect)
    enrol
    certificate_of answer >device.pem
    openssl verify -CAfile ca.pem -purpose sslclient device.pem
    ;;
renew)
    openssl ecparam -name prime256v1 -genkey -noout -out next.key
    request next.key "$2" "$3" >next.b64
    curl --silent --show-error --cacert ca.pem --cert device.pem --key device.key --data-binary @next.b64 \
        --header 'Content-Type: application/pkcs10' --output next-answer --write-out '%{http_code}\n' "$base/simplereenroll"
    certificate_of next-answer >next.pem
    openssl verify -CAfile ca.pem -purpose sslclient next.pem
    ;;
esac
