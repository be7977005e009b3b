/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/answer/ask_server.h"

#include "ech/client_hello.h"
#include "ech/records.h"
#include "shim/common/tls_libraries.h"
#include "shim/engine/base/decompress.h"
#include "shim/engine/base/random.h"
#include "shim/engine/endpoint/race.h"
#include "shim/engine/resolver/verifier.h"
#include "shim/engine/sockets/own_socket.h"
#include "shim/engine/state/state.h"

/* ---- the hello: what every client of TLS 1.3 offers ---- */

static void write_words(struct writer *w, const uint16_t *words, size_t count)
{
    struct wr_mark list = wr_open(w, 2);
    for (size_t i = 0; i < count; i++) {
        wr_u16(w, words[i]);
    }
    wr_close(w, list);
}

static void write_extension(struct writer *w, uint16_t type, const uint16_t *words, size_t count)
{
    wr_u16(w, type);
    struct wr_mark data = wr_open(w, 2);
    write_words(w, words, count);
    wr_close(w, data);
}

static void write_protocols(struct writer *w)
{
    static const char protocols[] = "\x02h2\x08http/1.1";
    wr_u16(w, ECH_EXT_ALPN);
    struct wr_mark data = wr_open(w, 2);
    struct wr_mark list = wr_open(w, 2);
    wr_bytes(w, bytes_of(protocols, sizeof protocols - 1));
    wr_close(w, list);
    wr_close(w, data);
}

static enum ech_status write_key_share(struct writer *w, const struct ech_random *random)
{
    uint8_t private_key[ECH_DH_PRIVATE_MAX];
    uint8_t public_key[ECH_DH_PUBLIC_MAX];
    enum ech_status status = ech_dh_generate(ECH_GROUP_X25519, random, private_key, public_key);
    ech_wipe(private_key, sizeof private_key); /* an accepted handshake is dropped */
    wr_u16(w, ECH_EXT_KEY_SHARE);
    struct wr_mark data = wr_open(w, 2);
    struct wr_mark list = wr_open(w, 2);
    wr_u16(w, ECH_GROUP_X25519);
    struct wr_mark key = wr_open(w, 2);
    wr_bytes(w, bytes_of(public_key, ech_dh_public_size(ECH_GROUP_X25519)));
    wr_close(w, key);
    wr_close(w, list);
    wr_close(w, data);
    return status;
}

static enum ech_status write_extensions(struct writer *w, struct bytes name,
                                        const struct ech_random *random)
{
    static const uint16_t groups[] = {ECH_GROUP_X25519, ECH_GROUP_P256, ECH_GROUP_P384};
    /* ECDSA and RSA-PSS, each with three hashes, Ed25519, and RSA PKCS#1 for certificates. */
    static const uint16_t signatures[] = {0x0403, 0x0804, 0x0503, 0x0805, 0x0603,
                                          0x0806, 0x0807, 0x0401, 0x0501, 0x0601};
    static const uint8_t versions[] = {2, 0x03, 0x04};
    static const uint8_t marker[] = {ECH_CLIENT_HELLO_INNER}; /* RFC 9849, 5 */
    ech_server_name_write(w, name);
    write_extension(w, ECH_EXT_SUPPORTED_GROUPS, groups, sizeof groups / sizeof *groups);
    write_extension(w, ECH_EXT_SIGNATURE_ALGORITHMS, signatures,
                    sizeof signatures / sizeof *signatures);
    write_protocols(w);
    ech_extension_write(w, ECH_EXT_SUPPORTED_VERSIONS, bytes_of(versions, sizeof versions));
    ech_extension_write(w, ECH_EXT_ENCRYPTED_CLIENT_HELLO, bytes_of(marker, sizeof marker));
    return write_key_share(w, random);
}

static enum ech_status write_hello(struct writer *w, struct bytes name,
                                   const struct ech_random *random)
{
    static const uint16_t suites[] = {0x1301, 0x1302, 0x1303};
    uint8_t fresh[ECH_RANDOM_SIZE + ECH_SESSION_ID_MAX];
    enum ech_status status = ech_random_fill(random, fresh, sizeof fresh);
    if (status != ECH_OK) {
        return status;
    }
    wr_u8(w, ECH_HANDSHAKE_CLIENT_HELLO);
    struct wr_mark body = wr_open(w, 3);
    wr_u16(w, ECH_TLS12);
    wr_bytes(w, bytes_of(fresh, ECH_RANDOM_SIZE));
    struct wr_mark mark = wr_open(w, 1);
    wr_bytes(w, bytes_of(fresh + ECH_RANDOM_SIZE, ECH_SESSION_ID_MAX));
    wr_close(w, mark);
    write_words(w, suites, sizeof suites / sizeof *suites);
    mark = wr_open(w, 1);
    wr_u8(w, 0); /* no compression */
    wr_close(w, mark);
    mark = wr_open(w, 2);
    status = write_extensions(w, name, random);
    wr_close(w, mark);
    wr_close(w, body);
    return status == ECH_OK ? wr_finish(w) : status;
}

/* ---- the question ---- */

/* A connected socket (own_socket.h), or -1. */
static int connect_to(const struct shim_server_question *question)
{
    struct shim_hop hops[SHIM_HOPS_MAX];
    struct shim_race race = {
        .like = -1, .hops = hops, .timeout_ms = shim_state()->settings.timeout_ms, .wait = true};
    struct dns_addresses *found =
        dns_lookup_addresses(question->lookup, question->target, true, true, NULL);
    size_t winner;
    for (size_t i = 0; found != NULL && i < found->count && race.count < SHIM_HOPS_MAX; i++) {
        struct shim_address address = found->list[i].family == AF_INET
                                          ? shim_address_of_ipv4(found->list[i].octets)
                                          : shim_address_of_ipv6(found->list[i].octets);
        if (question->private_allowed || !shim_address_is_private(&address)) {
            hops[race.count++] = (struct shim_hop){.address = address, .port = question->port};
        }
    }
    dns_addresses_free(found);
    return race.count > 0 ? shim_race_run(&race, &winner) : -1;
}

enum shim_rejection_probe_result shim_answer_ask_server(const struct shim_server_question *question,
                                                        struct writer *retry_configs)
{
    enum shim_rejection_probe_result result = SHIM_PROBE_FAILED;
    struct writer hello;
    struct shim_rejection_probe probe = {
        .choice = question->choice,
        .options = {.random = shim_random(),
                    .sizes = shim_tls_libraries[SHIM_FAMILY_GNUTLS].sizes,
                    .verifier = shim_resolver_outer_verifier(),
                    .decompressor = shim_decompressor},
        .timeout_ms = shim_state()->settings.timeout_ms,
    };
    wr_init(retry_configs, 0);
    wr_init(&hello, 0);
    int fd =
        write_hello(&hello, question->choice->config.public_name, &probe.options.random) == ECH_OK
            ? connect_to(question)
            : -1;
    if (fd >= 0) {
        probe.hello = wr_view(&hello);
        result = shim_rejection_probe_over(&probe, fd, retry_configs);
        (void)shim_own_close(fd);
    }
    wr_free(&hello);
    return result;
}
