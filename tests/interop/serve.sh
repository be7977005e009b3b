#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# serve.sh openssl|nss FOLDER PKI SUITE CASE...: an ECH server on port 4433 with the programs of OpenSSL 4.0 or NSS; runs in the
# root that has them. It writes the ECHConfigList for the DNS to FOLDER/configs, in base64. SUITE is KEM,KDF,AEAD of the config
# (NSS has only one suite). Cases: hello-retry (only P-384), stale (the config is of another key), without-ech, no-retry (the
# keys are there, but not as retry_configs).
set -eu

stack=$1
folder=$2
pki=$3
suite=$4
shift 4
inner=secret.example.org
public=public.example
cd "$folder"

asked_for() {
    case " $cases " in
    *" $1 "*) true ;;
    *) false ;;
    esac
}
cases=$*

# ---- OpenSSL ----

make_key() { # FILE
    openssl ech -public_name "$public" -suite "$suite" -out "$1"
}

serve_openssl() {
    mkdir keys
    make_key keys/key.ech
    published=keys/key.ech
    if asked_for stale || asked_for without-ech || asked_for no-retry; then
        published=old.ech
        make_key "$published"
    fi
    sed -n '/BEGIN ECHCONFIG/,/END/{/-----/!p}' "$published" | tr -d '\n' >configs
    set --
    ! asked_for hello-retry || set -- -groups P-384
    if asked_for no-retry; then
        set -- "$@" -ech_noretry_dir keys
    elif ! asked_for without-ech; then
        set -- "$@" -ech_key keys/key.ech
    fi
    exec openssl s_server -accept 127.0.0.2:4433 -www -cert "$pki/public.pem" -key "$pki/public.key" \
        -servername "$inner" -cert2 "$pki/inner.pem" -key2 "$pki/inner.key" "$@"
}

# ---- NSS ----

# selfserv looks a certificate up by its nickname, so this is the server's name.
add_identity() { # FILE NAME
    openssl pkcs12 -export -in "$pki/$1.pem" -inkey "$pki/$1.key" -name "$2" -passout pass: -out "$1.p12"
    pk12util -d db -i "$1.p12" -W ''
}

self_serve() {
    # The first certificate serves every other name.
    exec stdbuf -oL selfserv -d db -p 4433 -V tls1.2: -v -u -n "$public" -e "$public" -a "$public" -a "$inner" "$@"
}

# A server that makes a key, prints it and ends.
make_old_config() {
    self_serve -X "publicname:$public" >old.out 2>&1 &
    tries=0
    until grep -q 'call accept' old.out || [ "$tries" -eq 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill $!
    wait $! || true
    grep -xE '[A-Za-z0-9+/=]{60,}' old.out >configs
}

serve_nss() {
    mkdir db
    certutil -N -d db --empty-password
    certutil -A -d db -n ca -t C,, -i "$pki/ca.pem"
    add_identity inner "$inner"
    add_identity public "$public"
    set --
    ! asked_for hello-retry || set -- -I P384
    if asked_for stale || asked_for without-ech; then
        make_old_config
    fi
    asked_for without-ech || set -- "$@" -X "publicname:$public"
    self_serve "$@"
}

"serve_$stack"
