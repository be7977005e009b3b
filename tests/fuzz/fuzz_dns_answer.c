/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole answer to a query about a.example, with id 0xbeef as in the seeds. Reads its records of
 * each type, those for pool.example too, and judges them. */
#include <stdlib.h>
#include <string.h>

#include "dns/message.h"
#include "dns/svcb_select.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct dns_answer *answer, uint16_t type)
{
    static const uint32_t random[DNS_RDATA_MAX];
    struct svcb_choice choice;
    if (answer->rdata_count > DNS_RDATA_MAX) {
        abort();
    }
    if (type != DNS_TYPE_HTTPS) {
        for (size_t i = 0; i < answer->rdata_count; i++) {
            if (answer->rdata[i].len != (type == DNS_TYPE_A ? 4 : 16)) {
                abort();
            }
        }
        return;
    }
    if (answer->rdata_count > 0) {
        if (svcb_select(answer->rdata, answer->rdata_count, random, &choice) != ECH_OK) {
            abort();
        }
        svcb_choice_free(&choice);
    }
}

static struct dns_question question_of(const char *host, uint16_t type)
{
    struct dns_question question = {.type = type};
    if (dns_name_of_host(host, &question.qname) != ECH_OK) {
        abort();
    }
    return question;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t types[] = {DNS_TYPE_HTTPS, DNS_TYPE_A, DNS_TYPE_AAAA};
    struct bytes message = bytes_of(data, size);
    struct dns_answer *answer = malloc(2 * sizeof *answer);
    if (answer == NULL) {
        return 0;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct dns_question question = question_of("a.example", types[i]);
        struct dns_question along = question_of("pool.example", types[i]);
        (void)!dns_answer_matches(message, &question, 0xbeef);
        if (dns_answer_parse(message, &question, &answer[0]) == ECH_OK) {
            judge(&answer[0], types[i]);
            if (dns_answer_includes(&answer[0], &along, &answer[1]) == ECH_OK) {
                judge(&answer[1], types[i]);
            }
        }
    }
    free(answer);
    return 0;
}
