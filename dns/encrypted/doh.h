/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What both versions of HTTP have in common for DNS over HTTPS (RFC 8484). Requests are POSTs to
 * the configured path: that path lacks the variable that GET needs, a POST is smaller, and names
 * stay out of the servers' access logs. Only required fields are sent (8.2).
 */
#ifndef DNS_ENCRYPTED_DOH_H
#define DNS_ENCRYPTED_DOH_H

#include "dns/encrypted/channel_state.h"
#include "dns/encrypted/http1.h"

enum { DNS_AUTHORITY_SIZE = DNS_HOST_SIZE + 16 };

/* HOST[:PORT] as requests name it. */
void dns_doh_authority(const struct dns_secure_server *server, char out[DNS_AUTHORITY_SIZE]);

/* Judges a whole response (NULL: a broken one), and ends the ticket with the result. */
void dns_doh_answer(struct dns_channel *channel, struct dns_ticket *ticket,
                    const struct http_response *response, struct bytes body);

#endif
