/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What DNS over TLS and DNS over HTTP/1.1 have in common: octets that wait in two buffers.
 */
#ifndef DNS_ENCRYPTED_STREAM_FRAMING_H
#define DNS_ENCRYPTED_STREAM_FRAMING_H

#include "dns/encrypted/channel_state.h"

/* The first member of a framing's own struct, which calloc made. */
struct dns_stream_framing {
    struct dns_framing framing;
    struct writer out; /* to be sent */
    struct writer in;  /* the part of a message that has come so far */
};

/* The members `flush` and `free` of struct dns_framing. */
ECH_MUST_USE enum dns_reason dns_stream_flush(struct dns_framing *framing, struct writer *out);
void dns_stream_free(struct dns_framing *framing);

#endif
