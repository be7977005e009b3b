/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The key schedule and record protection against RFC 8448, 3 ("Simple 1-RTT Handshake"). */
#include <criterion/criterion.h>

#include "ech/tls13_keys.h"
#include "ech/tls13_record.h"
#include "tests/unit/hello_tools.h"

static const char shared[] = "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d";
/* hashes from ClientHello to ServerHello, and to the server's Finished */
static const char hello_hash[] = "860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8";
static const char finished_hash[] =
    "9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13";

static struct ech_tls13_secrets handshake_secrets(void)
{
    struct ech_tls13_secrets secrets;
    struct octets input = octets_of_hex(shared);
    struct octets hash = octets_of_hex(hello_hash);
    cr_assert_eq(
        ech_tls13_secrets_handshake(&secrets, ECH_HASH_SHA256, octets_view(&input), hash.data),
        ECH_OK);
    octets_free(&input);
    octets_free(&hash);
    return secrets;
}

static struct ech_tls13_secrets application_secrets(void)
{
    struct ech_tls13_secrets secrets = handshake_secrets();
    struct octets hash = octets_of_hex(finished_hash);
    cr_assert_eq(ech_tls13_secrets_application(&secrets, hash.data), ECH_OK);
    octets_free(&hash);
    return secrets;
}

Test(tls13_keys, handshake_secrets_of_rfc_8448)
{
    struct ech_tls13_secrets secrets = handshake_secrets();
    assert_hex(bytes_of(secrets.secret, 32),
               "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac", "handshake");
    assert_hex(bytes_of(secrets.client, 32),
               "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21", "c hs traffic");
    assert_hex(bytes_of(secrets.server, 32),
               "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38", "s hs traffic");
}

Test(tls13_keys, application_secrets_of_rfc_8448)
{
    struct ech_tls13_secrets secrets = application_secrets();
    assert_hex(bytes_of(secrets.secret, 32),
               "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919", "master");
    assert_hex(bytes_of(secrets.client, 32),
               "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5", "c ap traffic");
    assert_hex(bytes_of(secrets.server, 32),
               "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643", "s ap traffic");
    ech_tls13_secrets_wipe(&secrets);
    static const struct ech_tls13_secrets zeros;
    assert_octets(bytes_of(&secrets, sizeof secrets), bytes_of(&zeros, sizeof zeros), "wiped");
}

Test(tls13_keys, traffic_keys_of_rfc_8448)
{
    struct ech_tls13_secrets secrets = handshake_secrets();
    struct ech_tls13_protection protection;
    cr_assert_eq(ech_tls13_protection_start(&protection, 0x1301, secrets.server), ECH_OK);
    assert_hex(bytes_of(protection.key, 16), "3fce516009c21727d0f2e4e86ee403bc", "server key");
    assert_hex(bytes_of(protection.iv, 12), "5d313eb2671276ee13000b30", "server iv");
    cr_assert_eq(ech_tls13_protection_start(&protection, 0x1301, secrets.client), ECH_OK);
    assert_hex(bytes_of(protection.key, 16), "dbfaa693d1762c5b666af5d950258d01", "client key");
    assert_hex(bytes_of(protection.iv, 12), "5bd3c71b836e0b76bb73265f", "client iv");
}

Test(tls13_keys, finished_of_rfc_8448)
{
    /* The client's Finished covers everything up to the server's. */
    struct ech_tls13_secrets secrets = handshake_secrets();
    struct octets hash = octets_of_hex(finished_hash);
    uint8_t verify_data[32];
    cr_assert_eq(ech_tls13_verify_data(ECH_HASH_SHA256, secrets.client, hash.data, verify_data),
                 ECH_OK);
    assert_hex(bytes_of(verify_data, 32),
               "a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61", "verify_data");
    octets_free(&hash);
}

Test(tls13_keys, records_of_rfc_8448)
{
    struct ech_tls13_secrets secrets = application_secrets();
    struct ech_tls13_protection protection;
    struct writer w;
    uint8_t data[50];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)i;
    }
    wr_init(&w, 0);
    cr_assert_eq(ech_tls13_protection_start(&protection, 0x1301, secrets.client), ECH_OK);
    cr_assert_eq(ech_tls13_protect(&protection, ECH_RECORD_APPLICATION_DATA,
                                   bytes_of(data, sizeof data), 0, &w),
                 ECH_OK);
    assert_hex(
        wr_view(&w),
        "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd5"
        "4a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4",
        "application data");
    wr_free(&w);
    cr_assert_eq(ech_tls13_protect(&protection, ECH_RECORD_ALERT, BYTES(1, 0), 0, &w), ECH_OK);
    assert_hex(wr_view(&w), "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3", "close_notify");
    wr_free(&w);
}
