#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# make-copies.sh FOLDER CC: makes copies of this machine's TLS libraries, as applications ship them:
#   libssl-3aab12cd.so.3, libgnutls-aa11bb22.so.30   with other names inside too, as auditwheel makes them for Python's packages
#   libssl-1_1.so                                    as OpenSSL's own build for Windows and Android calls it
#   libtlscore.so, libnetsecurity.so                 OpenSSL and GnuTLS, by name no TLS library at all
#   libbundle_openssl.so                             linked from the archives with -Bsymbolic, without versions
#   libsymbolic_gnutls.so.30                         linked as if with -Bsymbolic
#   libbundle_versioned.so                           the same with versions of its own
#   libbundle_ssl_alone.so                           exports libssl's functions, and of libcrypto only what a program needs
#   libmissing_ext.so, libmissing_hostname.so, libmissing_gnutls.so.30
#                                                    one function that the shim needs is not there
#   liblies_new.so, liblies_old.so                   OpenSSL 3 that claims another version
set -eu
folder=${1:?usage: make-copies.sh FOLDER CC}
cc=${2:?usage: make-copies.sh FOLDER CC}
mkdir -p "$folder"
libraries=$(dirname "$($cc -print-file-name=libssl.so)")

# copy LIBRARY NAME: a copy with this name, also as its soname, that finds its neighbours beside itself.
copy() {
    cp "$(realpath "$libraries/$1")" "$folder/$2"
    patchelf --set-soname "$2" --set-rpath "\$ORIGIN" "$folder/$2"
}

ssl=$(basename "$(realpath "$libraries/libssl.so")")
crypto=$(basename "$(realpath "$libraries/libcrypto.so")")
gnutls=$(basename "$(realpath "$libraries/libgnutls.so")")

# pair SSL CRYPTO: a renamed libssl with a renamed libcrypto.
pair() {
    copy "$crypto" "$2"
    copy "$ssl" "$1"
    patchelf --replace-needed "$crypto" "$2" "$folder/$1"
}
pair libssl-3aab12cd.so.3 libcrypto-77ec41f0.so.3
pair libssl-1_1.so libcrypto-1_1.so
pair libtlscore.so libtlscore-primitives.so
copy "$gnutls" libgnutls-aa11bb22.so.30
copy "$gnutls" libnetsecurity.so

change=$(dirname "$0")/change_elf.py
copy "$gnutls" libsymbolic_gnutls.so.30
"$change" "$folder/libsymbolic_gnutls.so.30" symbolic

# bundle NAME OPTION...: all of OpenSSL in one library, whose own calls go straight to its own functions.
need=$(${PKG_CONFIG:-pkg-config} --static --libs libssl libcrypto | sed 's/-lssl//g; s/-lcrypto//g')
bundle() {
    name=$1
    shift
    # shellcheck disable=SC2086
    "$cc" -shared -o "$folder/$name" -Wl,-Bsymbolic -Wl,-soname,"$name" "$@" \
        -Wl,--whole-archive -l:libssl.a -l:libcrypto.a -Wl,--no-whole-archive $need
}
bundle libbundle_openssl.so
printf 'COPY_1.0 { global: *; };\n' >"$folder/versions.map"
bundle libbundle_versioned.so -Wl,--version-script="$folder/versions.map"
printf '{ global: SSL_*; TLS_*; ERR_*; local: *; };\n' >"$folder/ssl_alone.map"
bundle libbundle_ssl_alone.so -Wl,--version-script="$folder/ssl_alone.map"

# without NAME FUNCTION: a bundle that does not export that function.
without() {
    cp "$folder/libbundle_openssl.so" "$folder/$1"
    "$change" "$folder/$1" hide "$2"
}
without libmissing_ext.so SSL_CTX_add_custom_ext
without libmissing_hostname.so SSL_get_servername
copy "$gnutls" libmissing_gnutls.so.30
"$change" "$folder/libmissing_gnutls.so.30" hide gnutls_session_ext_register

# lies NAME NUMBER: OpenSSL_version_num tells that version.
lies() {
    printf 'unsigned long OpenSSL_version_num(void);\nunsigned long OpenSSL_version_num(void) { return %s; }\n' "$2" >"$folder/lie.c"
    bundle "$1" -Wl,-z,muldefs "$folder/lie.c"
    rm -f "$folder/lie.c"
}
lies liblies_new.so 0x40000000
lies liblies_old.so 0x10001000
rm -f "$folder"/*.map
touch "$folder/made"
