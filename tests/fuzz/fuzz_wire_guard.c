/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wire guard's recogniser: no octet after the prefix is looked at, a verdict once given stays,
 * and whatever is a whole ClientHello is seen as one.
 */
#include <stdlib.h>
#include <string.h>

#include "ech/client_hello.h"
#include "shim/hello_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HANDSHAKE = 22, VERSION_MAJOR = 3 };

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool octet_of(const void *context, size_t at, uint8_t *octet)
{
    const struct bytes *octets = context;
    if (at >= octets->len) {
        return false;
    }
    *octet = octets->data[at];
    return true;
}

/* What is told of a whole hello is what the parser finds in it. */
static void check_name(struct bytes record, const struct ech_client_hello *hello)
{
    char name[SHIM_HELLO_NAME_SIZE];
    struct bytes found;
    bool readable = ech_client_hello_server_name(hello, &found) == ECH_OK;
    switch (shim_hello_server_name(octet_of, &record, name)) {
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[SHIM_HELLO_NAME_SIZE];
    const struct bytes octets = bytes_of(data, size);
    (void)shim_hello_server_name(octet_of, &octets, name);
    (void)shim_hello_question_name(octet_of, &octets, false, name);
    (void)shim_hello_question_name(octet_of, &octets, true, name);
    enum shim_hello last = SHIM_HELLO_MORE;
    for (size_t length = 0; length <= size && length <= SHIM_HELLO_PREFIX + 1; length++) {
        enum shim_hello now = shim_hello_judge(data, length);
        require(last == SHIM_HELLO_MORE || now == last);
        require((now == SHIM_HELLO_IS) <= (length >= SHIM_HELLO_PREFIX));
        last = now;
    }
    require(size > SHIM_HELLO_PREFIX ? last != SHIM_HELLO_MORE : true);
    (void)shim_hello_in_datagram(data, size);

    struct ech_client_hello hello;
    if (size > 5 && data[0] == HANDSHAKE && data[1] == VERSION_MAJOR &&
        (size_t)(data[3] << 8 | data[4]) == size - 5 &&
        ech_client_hello_parse(bytes_of(data + 5, size - 5), &hello) == ECH_OK &&
        data[9] == VERSION_MAJOR) {
        require(last == SHIM_HELLO_IS);
        require(hello.random.data == data + SHIM_HELLO_RANDOM_AT);
        check_name(octets, &hello);
    }
    return 0;
}
