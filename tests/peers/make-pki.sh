#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# make-pki.sh FOLDER: the certificates of the tests, nearly all ECDSA P-256.
#   ca.pem                 the authority that the programs under test trust
#   inner, public, other   secret.example.org; public.example; a name that no test asks for
#   expired, stranger      secret.example.org again: out of date; of an unknown authority
#   public-expired, public-stranger   the same two faults for public.example
#   public-rsa4096         public.example by a chain of two with RSA keys of 4,096 bits
#   cover, public-cover    cover.example; public.example and cover.example
#   soak                   every name below soak.example.org
#   resolver               dns.example and 127.0.0.0/8 addresses, for DNS over TLS and HTTPS
set -eu

dir=${1:?usage: make-pki.sh FOLDER}
mkdir -p "$dir"
cd "$dir"

key() {
    certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile "$1.key" 2>/dev/null
}

authority() { # FILE NAME
    key "$1"
    printf 'cn = "%s"\nca\ncert_signing_key\nexpiration_days = 3650\n' "$2" >"$1.cfg"
    certtool --generate-self-signed --load-privkey "$1.key" --template "$1.cfg" \
        --outfile "$1.pem" 2>/dev/null
}

leaf() { # FILE AUTHORITY LINES-OF-THE-TEMPLATE
    key "$1"
    printf 'cn = "%s"\nsigning_key\ntls_www_server\n%b\n' "$1" "$3" >"$1.cfg"
    certtool --generate-certificate --load-privkey "$1.key" --load-ca-certificate "$2.pem" \
        --load-ca-privkey "$2.key" --template "$1.cfg" --outfile "$1.pem" 2>/dev/null
}

valid='expiration_days = 3000'
past='activation_date = "2020-01-01 00:00:00"\nexpiration_date = "2021-01-01 00:00:00"'
# Where a client could ask about a certificate, and so reveal the name.
side='ocsp_uri = "http://127.0.0.66/ocsp"\ncrl_dist_points = "http://127.0.0.66/crl"'
side="$side"'\nca_issuers_uri = "http://127.0.0.66/ca"'
inner='dns_name = "secret.example.org"\ndns_name = "second.example.org"\ndns_name = "plain.example.org"'

authority ca "libechshim test authority"
authority stranger-ca "libechshim unknown authority"
leaf inner ca "$inner\n$valid"
leaf public ca "dns_name = \"public.example\"\n$side\n$valid"
leaf cover ca "dns_name = \"cover.example\"\n$valid"
leaf public-cover ca "dns_name = \"public.example\"\ndns_name = \"cover.example\"\n$valid"
leaf other ca "dns_name = \"other.example.net\"\n$valid"
leaf expired ca "$inner\n$past"
# Before 2038: the times of 32 bits end there.
leaf early ca "$inner\nactivation_date = \"2037-01-01 00:00:00\"\nexpiration_date = \"2037-12-01 00:00:00\""
leaf purpose ca "$inner\n$valid"
leaf weak ca "$inner\n$valid"
leaf spoiled ca "$inner\n$valid"
leaf self ca "$inner\n$valid"
# Each wrong in its own way: not for servers, signed with SHA-1, signed by itself, and with a spoiled signature.
printf 'cn = "purpose"\nsigning_key\nemail_protection_key\n%b\n' "$inner\n$valid" >purpose.cfg
for file in purpose weak; do
    hash=SHA256
    [ "$file" = purpose ] || hash=SHA1
    certtool --generate-certificate --hash "$hash" --load-privkey "$file.key" --load-ca-certificate ca.pem --load-ca-privkey ca.key \
        --template "$file.cfg" --outfile "$file.pem" 2>/dev/null
done
certtool --generate-self-signed --load-privkey self.key --template self.cfg --outfile self.pem 2>/dev/null
certtool --certificate-info --infile spoiled.pem --outder --outfile spoiled.der 2>/dev/null
last=$(tail -c 1 spoiled.der | od -An -tu1 | tr -d ' ')
{
    head -c -1 spoiled.der
    [ "$last" = 1 ] && printf '\002' || printf '\001'
} >spoiled.cut
certtool --certificate-info --inder --infile spoiled.cut --outfile spoiled.pem 2>/dev/null
rm -f spoiled.der spoiled.cut
leaf stranger stranger-ca "$inner\n$valid"
leaf public-expired ca "dns_name = \"public.example\"\n$past"
leaf public-stranger stranger-ca "dns_name = \"public.example\"\n$valid"
# One key for both: making a key takes seconds.
certtool --generate-privkey --key-type rsa --bits 4096 --outfile rsa4096-ca.key 2>/dev/null
cp rsa4096-ca.key public-rsa4096.key
printf 'cn = "libechshim RSA authority"\nca\ncert_signing_key\n%b\n' "$valid" >rsa4096-ca.cfg
certtool --generate-certificate --load-privkey rsa4096-ca.key --load-ca-certificate ca.pem --load-ca-privkey ca.key \
    --template rsa4096-ca.cfg --outfile rsa4096-ca.pem 2>/dev/null
printf 'cn = "public-rsa4096"\nsigning_key\ntls_www_server\ndns_name = "public.example"\n%b\n' "$valid" >rsa4096.cfg
certtool --generate-certificate --load-privkey public-rsa4096.key --load-ca-certificate rsa4096-ca.pem \
    --load-ca-privkey rsa4096-ca.key --template rsa4096.cfg --outfile public-rsa4096.pem 2>/dev/null
cat rsa4096-ca.pem >>public-rsa4096.pem
leaf soak ca "dns_name = \"*.soak.example.org\"\n$valid"
leaf resolver ca "dns_name = \"dns.example\"\nip_address = 127.0.0.1\nip_address = 127.0.0.53\n$valid"
rm -f ./*.cfg
