/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The zone of bad cases (tests/unit/bad_answers.h) as a program, over UDP and TCP on 127.0.0.1. For
 * each case without endpoints it prints "case LABEL REASON", and finally "listening PORT".
 */
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/bad_answers.h"

int main(void)
{
    static struct responder server;
    for (size_t i = 0; i < bad_case_count; i++) {
        const struct bad_case *c = &bad_cases[i];
        if ((c->by & BY_UDP) != 0 && c->result != DNS_FOUND) {
            printf("case %s %s\n", c->label, dns_reason_name(c->reason));
        }
    }
    responder_start(&server, bad_answer);
    printf("listening %u\n", server.port);
    fflush(stdout);
    pause();
    return 0;
}
