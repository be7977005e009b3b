/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file of the shared cache without its digest. We add the digest here, or the parser would refuse
 * every input. What it reads must survive another write and read. */
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "dns/message.h"
#include "dns/stored_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct dns_cache_key *key, const struct dns_stored *stored)
{
    struct writer once;
    struct writer twice;
    struct dns_stored again;
    wr_init(&once, 0);
    wr_init(&twice, 0);
    if (dns_stored_encode(&once, key, stored) != ECH_OK ||
        dns_stored_parse(wr_view(&once), key, &again) != ECH_OK || again.answer == NULL ||
        dns_stored_encode(&twice, key, &again) != ECH_OK ||
        !bytes_equal(wr_view(&once), wr_view(&twice))) {
        abort();
    }
    dns_endpoints_free(again.answer);
    wr_free(&once);
    wr_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_question question = {.type = DNS_TYPE_HTTPS};
    struct dns_stored stored;
    if (dns_name_of_origin("a.example", 443, &question.qname) != ECH_OK) {
        abort();
    }
    const struct dns_cache_key key = {.network = 1, .resolver_id = "r", .question = &question};
    if (size > DNS_STORED_MAX) {
        return 0;
    }
    uint8_t *file = malloc(size + DNS_STORED_DIGEST);
    if (file == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(file, data, size);
    }
    ldns_sha256(file, (unsigned)size, file + size);
    if (dns_stored_parse(bytes_of(file, size + DNS_STORED_DIGEST), &key, &stored) == ECH_OK &&
        stored.answer != NULL) {
        write_again(&key, &stored);
    }
    dns_endpoints_free(stored.answer);
    free(file);
    return 0;
}
