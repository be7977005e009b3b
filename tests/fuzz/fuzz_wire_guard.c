/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The wire guard's recogniser: no octet after the prefix is looked at, a verdict once given stays,
 * and whatever is a whole ClientHello is seen as one.
 */
#include <stdlib.h>

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
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
    }
    return 0;
}
