/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DNS messages for tests, octet by octet, to make broken ones as well as good ones. */
#ifndef TESTS_UNIT_DNS_MESSAGES_H
#define TESTS_UNIT_DNS_MESSAGES_H

#include "dns/name.h"
#include "ech/wire.h"

enum {
    MSG_QR = 0x8000,
    MSG_TC = 0x0200,
    MSG_RA_RD = 0x0180,
    TYPE_A = 1,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    TYPE_AAAA = 28,
    TYPE_DNAME = 39,
    TYPE_OPT = 41,
    TYPE_SVCB = 64,
    TYPE_HTTPS = 65,
};

/* A message under construction; its counts are filled in as records are added. */
struct message {
    struct writer w;
    uint16_t answers;
    uint16_t authorities;
    uint16_t additionals;
    bool raw; /* not a message: the counts are not filled in */
};

/* "a.b.c" as a wire name, unchecked. "" and "." are the root. */
void write_name(struct writer *w, const char *text);
/* The same as a struct dns_name; the test fails if the name is bad. */
struct dns_name name_of(const char *text);

/* Header (id, flags with the rcode) and the question {qname, type, IN}. */
void message_begin(struct message *m, uint16_t id, uint16_t flags, const char *qname,
                   uint16_t type);
/* A record in the answer section; owner NULL means a pointer to the question's name. */
void message_answer(struct message *m, const char *owner, uint16_t type, uint32_t ttl,
                    struct bytes rdata);
void message_cname(struct message *m, const char *owner, const char *target, uint32_t ttl);
void message_address(struct message *m, const char *owner, uint32_t ttl, const char *address);
/* priority, target, parameters in hexadecimal. */
void message_https(struct message *m, const char *owner, uint32_t ttl, uint16_t priority,
                   const char *target, const char *params_hex);
/* Moves the last record of the answer section to the additional section. */
void message_as_additional(struct message *m);
/* An SOA in the authority section; call it after all answers. */
void message_soa(struct message *m, const char *owner, uint32_t ttl, uint32_t minimum);
/* An OPT record with the upper bits of the rcode; call it after everything else. */
void message_opt(struct message *m, uint8_t extended_rcode);
/* Fills in the counts; borrowed until message_free. */
struct bytes message_finish(struct message *m);
void message_free(struct message *m);

#endif
