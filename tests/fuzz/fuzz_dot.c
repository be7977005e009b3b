/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a DNS over TLS server sends while one question for a.example is under way, in parts whose
 * length the first octet gives. The same octets are also padded, aged and matched as a message.
 */
#include <stdlib.h>
#include <string.h>

#include "dns/encrypted/channel_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t query[] = "\0\0\1\0\0\1\0\0\0\0\0\0\1a\7example\0\0\101\0\1";

static bool fixed_random(void *out, size_t len)
{
    memset(out, 0, len);
    return true;
}

static uint64_t no_time(void)
{
    return 1;
}

static void frames(const uint8_t *data, size_t size)
{
    struct dns_io io = dns_io_libc;
    struct dns_resolver resolver;
    io.random = fixed_random;
    io.now_us = no_time;
    if (dns_resolver_parse("tls://127.0.0.1", &resolver, NULL) != ECH_OK) {
        abort();
    }
    const struct dns_channel_options options = {.library = &dns_tls_linked};
    struct dns_channel *channel = dns_channel_new(&resolver.secure[0], &io, &options);
    struct dns_framing *framing = channel != NULL ? dns_framing_dot(channel) : NULL;
    enum dns_reason reason;
    struct dns_ticket *ticket =
        framing != NULL ? dns_ticket_add(channel, bytes_of(query, sizeof query - 1), 2, &reason)
                        : NULL;
    if (ticket == NULL || !framing->submit(framing, ticket)) {
        abort();
    }
    ticket->state = DNS_TICKET_SENT;
    size_t part = data[0] + 1U;
    reason = DNS_REASON_OK;
    for (size_t at = 1; at < size && reason == DNS_REASON_OK; at += part) {
        reason =
            framing->receive(framing, bytes_of(data + at, size - at < part ? size - at : part));
    }
    if (ticket->state == DNS_TICKET_DONE && ticket->reason == DNS_REASON_OK &&
        !dns_message_answers(wr_view(&ticket->answer), bytes_of(query, sizeof query - 1))) {
        abort();
    }
    framing->free(framing);
    dns_channel_free(channel);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writer w;
    uint16_t id;
    if (size == 0) {
        return 0;
    }
    frames(data, size);
    struct bytes message = bytes_of(data, size);
    wr_init(&w, DNS_MESSAGE_MAX);
    if (dns_message_pad(message, &id, &w) == ECH_OK && w.len < size) {
        abort();
    }
    wr_free(&w);
    wr_init(&w, DNS_MESSAGE_MAX);
    if (dns_message_age(message, 17, &w) == ECH_OK && w.len != size) {
        abort();
    }
    wr_free(&w);
    return 0;
}
