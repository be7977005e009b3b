/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wire guard's recogniser sees a hello at the octet that ends the random, and recognises every
 * whole ClientHello.
 */
#include <stdlib.h>
#include <string.h>

#include "ech/client_hello.h"
#include "shim/stub/guard_hello.h"
#include "shim/stub/guard_hello_inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HANDSHAKE = 22, VERSION_MAJOR = 3 };

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool octets_of(void *context, size_t at, const uint8_t **octets, size_t *length)
{
    const struct bytes *all = context;
    if (at >= all->len) {
        return false;
    }
    *octets = all->data + at;
    *length = all->len - at;
    return true;
}

static struct shim_hello_sight sight_of(struct bytes octets, bool scan)
{
    const struct shim_hello_source source = {octets_of, &octets};
    struct shim_hello_sight sight;
    size_t at = shim_hello_find(&source, &sight);
    if (sight.hello == SHIM_HELLO_NONE && scan) {
        shim_hello_scan(&source, at, &sight);
    }
    require(sight.hello == SHIM_HELLO_NONE || sight.at < octets.len);
    require(sight.hello != SHIM_HELLO_IS || sight.needed <= octets.len - sight.at);
    return sight;
}

/* What the guard reads in a whole hello is what the parser finds. */
static void check_name(struct bytes record, const struct ech_client_hello *hello)
{
    char name[SHIM_HELLO_NAME_SIZE];
    struct bytes found;
    bool readable = ech_client_hello_server_name(hello, &found) == ECH_OK;
    const struct shim_hello_source source = {octets_of, &record};
    switch (shim_hello_server_name(&source, 0, name)) {
    case SHIM_HELLO_NAMED:
        require(readable && bytes_equal(found, bytes_of(name, strlen(name))));
        break;
    case SHIM_HELLO_NAMELESS:
        require(readable && found.len == 0);
        break;
    case SHIM_HELLO_NAME_UNKNOWN:
        break;
    }
}

/* The outer variant (RFC 9849, 5): type, cipher_suite, config_id. */
static void check_outer(struct bytes record, const struct ech_client_hello *hello)
{
    enum { ENCRYPTED_CLIENT_HELLO = 0xfe0d, CONFIG_AT = 5 };
    uint8_t config_id = 0;
    const struct ech_extension *found = ech_client_hello_find(hello, ENCRYPTED_CLIENT_HELLO);
    const struct shim_hello_source source = {octets_of, &record};
    bool outer = shim_hello_is_outer(&source, 0, &config_id);
    bool stands = found != NULL && found->data.len > CONFIG_AT && found->data.data[0] == 0;
    require(outer == stands && (!stands || config_id == found->data.data[CONFIG_AT]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t config_id;
    char name[SHIM_HELLO_NAME_SIZE];
    struct bytes octets = bytes_of(data, size);
    const struct shim_hello_source source = {octets_of, &octets};
    (void)shim_hello_server_name(&source, 0, name);
    (void)shim_hello_is_inner(&source, 0);
    (void)shim_hello_is_outer(&source, 0, &config_id);
    (void)shim_hello_question_name(&source, false, name);
    (void)shim_hello_question_name(&source, true, name);
    (void)shim_hello_in_datagram(data, size);
    struct shim_hello_sight whole = sight_of(octets, true);
    if (whole.hello == SHIM_HELLO_IS) {
        /* The guard follows the hello from its first octet, and sees it once the random is
         * complete. */
        size_t end = whole.at + whole.needed;
        require(sight_of(bytes_of(data, end), true).hello == SHIM_HELLO_IS);
        require(sight_of(bytes_of(data, end - 1), true).hello != SHIM_HELLO_IS);
    }

    struct ech_client_hello hello;
    if (size > 5 && data[0] == HANDSHAKE && data[1] == VERSION_MAJOR &&
        (size_t)(data[3] << 8 | data[4]) == size - 5 &&
        ech_client_hello_parse(bytes_of(data + 5, size - 5), &hello) == ECH_OK &&
        data[9] == VERSION_MAJOR) {
        require(whole.hello == SHIM_HELLO_IS && whole.at == 0);
        require(memcmp(hello.random.data, whole.random, sizeof whole.random) == 0);
        check_name(octets, &hello);
        check_outer(octets, &hello);
    }
    return 0;
}
