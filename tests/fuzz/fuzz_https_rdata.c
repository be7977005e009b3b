/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* RDATA of HTTPS records, alone and as an RRset of two. */
#include <stdlib.h>

#include "dns/answer.h"
#include "dns/svcb_select.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t random[] = {2, 1};
    struct dns_name owner;
    if (dns_name_of_origin("example.org", 443, &owner) != ECH_OK) {
        abort();
    }
    struct https_rr rr;
    if (https_rr_parse(bytes_of(data, size), &rr) == HTTPS_RR_OK) {
        /* Everything taken over lies within the input. */
        if (rr.ech.len > size || rr.alpn.len > size || rr.ipv4hint.len % 4 != 0 ||
            rr.ipv6hint.len % 16 != 0 || (rr.priority == 0 && rr.ech.len > 0)) {
            abort();
        }
    }
    const struct bytes rdata[] = {bytes_of(data, size), bytes_of("\0\1\0", 3)};
    const struct dns_answer_origin origin = {.owner = &owner, .port = 443, .alias_followed = true};
    struct svcb_choice choice;
    if (svcb_select(rdata, 2, random, &choice) == ECH_OK && choice.kind == SVCB_CHOICE_ENDPOINTS) {
        dns_endpoints_free(dns_answer_from_records(choice.endpoints, choice.count, &origin));
    }
    svcb_choice_free(&choice);
    return 0;
}
