/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an RRset of HTTPS records means for a client over TCP (RFC 9460, 2.4 and 3). Pure: random
 * numbers come as an argument.
 */
#ifndef DNS_SVCB_SELECT_H
#define DNS_SVCB_SELECT_H

#include "dns/https_rr.h"
#include "dns/message.h"

enum svcb_choice_kind {
    SVCB_CHOICE_ENDPOINTS,  /* ServiceMode: `endpoints`, in the order in which to try them */
    SVCB_CHOICE_ALIAS,      /* AliasMode: ask again at `alias` */
    SVCB_CHOICE_NO_SERVICE, /* AliasMode with ".": clients SHOULD ignore it (RFC 9460, 2.5.1 and 12)
                             */
    SVCB_CHOICE_INCOMPATIBLE, /* no record that this client can use (8) */
    SVCB_CHOICE_MALFORMED,    /* a record is malformed, so none may be used (2.2) */
};

struct svcb_choice {
    enum svcb_choice_kind kind;
    struct dns_name alias;      /* of SVCB_CHOICE_ALIAS */
    struct https_rr *endpoints; /* owned; octets in it are borrowed from the RDATA */
    size_t count;
};

/*
 * Chooses among `count` RDATAs of one owner. random[i] decides for record i: of several aliases the
 * least wins, and endpoints of one priority are in its order (2.4.1, 2.4.2). Mode by mode:
 * - any malformed record rejects all; one that is merely not self-consistent only itself (2.4.3);
 * - an AliasMode record makes the ServiceMode ones ignored;
 * - of ServiceMode those stay whose mandatory keys we know (8), whose ALPN set can do TLS over TCP
 * (7.1.2), and whose TargetName is "." or a host name.
 * ECH_ERR_NOMEM is the only failure. svcb_choice_free in any case.
 */
ECH_MUST_USE enum ech_status svcb_select(const struct bytes *rdata, size_t count,
                                         const uint32_t *random, struct svcb_choice *choice);

void svcb_choice_free(struct svcb_choice *choice);

#endif
