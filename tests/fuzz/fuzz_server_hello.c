/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A ServerHello or HelloRetryRequest: its parts make up the message again, wherever the
 * confirmation is.
 */
#include <stdlib.h>

#include "ech/server_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ech_server_hello hello;
    struct writer w;
    if (ech_server_hello_parse(bytes_of(data, size), &hello) != ECH_OK) {
        return 0;
    }
    wr_init(&w, 0);
    wr_bytes(&w, hello.before_confirmation);
    wr_bytes(&w, hello.confirmation);
    wr_bytes(&w, hello.after_confirmation);
    require(wr_finish(&w) != ECH_OK || bytes_equal(wr_view(&w), hello.message));
    wr_free(&w);
    require(hello.confirmation.len == ECH_CONFIRMATION_SIZE ||
            (hello.is_hello_retry_request && hello.confirmation.len == 0));
    if (hello.is_hello_retry_request && hello.confirmation.len > 0) {
        require(bytes_equal(hello.confirmation, hello.encrypted_client_hello));
    }
    return 0;
}
