/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole answer to a query for a.example, with id 0xbeef as in the seeds, and what is made of its
 * records. */
#include <stdlib.h>

#include "dns/message.h"
#include "dns/svcb_select.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t random[DNS_RDATA_MAX];
    struct bytes message = bytes_of(data, size);
    struct dns_question question = {.type = DNS_TYPE_HTTPS};
    if (dns_name_of_origin("a.example", 443, &question.qname) != ECH_OK) {
        abort();
    }
    (void)!dns_answer_matches(message, &question, 0xbeef);
    struct dns_answer *answer = malloc(sizeof *answer);
    if (answer == NULL) {
        return 0;
    }
    if (dns_answer_parse(message, &question, answer) == ECH_OK && answer->rdata_count > 0) {
        struct svcb_choice choice;
        if (svcb_select(answer->rdata, answer->rdata_count, random, &choice) != ECH_OK) {
            abort();
        }
        svcb_choice_free(&choice);
    }
    free(answer);
    return 0;
}
