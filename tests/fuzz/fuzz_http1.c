/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An HTTP/1.1 response, in one piece and in two: both must be read alike. */
#include <stdlib.h>

#include "dns/encrypted/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum http1_result parse(struct bytes in, bool ended, struct writer *body, size_t *used)
{
    struct http_response response;
    enum { BODY_MAX = 65535 };
    wr_init(body, BODY_MAX);
    enum http1_result result = http1_parse(in, ended, &response, body, used);
    if (*used > in.len || body->len > in.len ||
        (result == HTTP1_DONE && (response.status < 200 || response.status > 999))) {
        abort();
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writer body;
    struct writer again;
    size_t used;
    size_t used_again;
    enum http1_result result = parse(bytes_of(data, size), false, &body, &used);
    if (result == HTTP1_DONE) {
        if (parse(bytes_of(data, used), false, &again, &used_again) != HTTP1_DONE ||
            used_again != used || !bytes_equal(wr_view(&body), wr_view(&again))) {
            abort();
        }
        wr_free(&again);
    } else if (result == HTTP1_PARTIAL) {
        (void)parse(bytes_of(data, size), true, &again, &used_again);
        wr_free(&again);
    }
    wr_free(&body);
    return 0;
}
