/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parses a ClientHello as ClientHelloInner. If it parses, its encoding must parse again, to the
 * same fields.
 */
#include <stdlib.h>

#include "ech/outer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_contents(const struct ech_client_hello *hello)
{
    struct bytes name;
    struct reader r;
    struct ech_offered_psks psks;
    struct ech_ech_client_hello ech;
    size_t octets = 0;
    for (size_t i = 0; i < hello->extension_count; i++) {
        const struct ech_extension *e = &hello->extensions[i];
        require(ech_client_hello_find(hello, e->type) == e);
        require(e->raw.len == e->data.len + 4);
        octets += e->raw.len;
        (void)!ech_offered_psks_parse(e->data, &psks);
        (void)!ech_ech_client_hello_parse(e->data, &ech);
    }
    require(octets < hello->message.len);
    (void)!ech_client_hello_server_name(hello, &name);
    (void)!ech_client_hello_versions(hello, &r);
    (void)!ech_client_hello_key_shares(hello, &r);
}

static void check_encoding(const struct ech_client_hello *inner, struct ech_outer_plan plan)
{
    const struct ech_padding padding = {.maximum_name_length = 40, .floor = 128};
    struct ech_run run = ech_outer_run(inner, inner, plan);
    struct ech_client_hello again;
    struct writer w;
    wr_init(&w, 0);
    require(run.first + run.count <= inner->extension_count);
    if (ech_encode_inner(inner, run, &padding, &w) == ECH_OK) {
        struct reader r = rd_of(wr_view(&w));
        uint8_t zero;
        require(r.len % 32 == 0 && r.len >= 128);
        require(ech_client_hello_read_body(&r, &again) == ECH_OK);
        require(bytes_equal(again.random, inner->random) && again.legacy_session_id.len == 0);
        require(again.extension_count == inner->extension_count - run.count + (run.count > 0));
        while (rd_u8(&r, &zero)) {
            require(zero == 0);
        }
    }
    wr_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ech_client_hello hello;
    if (ech_client_hello_parse(bytes_of(data, size), &hello) != ECH_OK) {
        return 0;
    }
    check_contents(&hello);
    if (ech_inner_check(&hello) == ECH_OK) {
        for (int i = 0; i < 4; i++) {
            const struct ech_outer_plan plan = {
                .share = (i & 1) != 0 ? ECH_OUTER_SHARE_SHARED : ECH_OUTER_SHARE_OWN,
                .ordinary = (i & 2) != 0,
            };
            check_encoding(&hello, plan);
        }
        require(ech_inner_check_second(&hello, &hello) == ECH_OK);
    }
    return 0;
}
