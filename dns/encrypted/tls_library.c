/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/encrypted/tls.h"

const struct dns_tls_library dns_tls_linked = {
#define F(name) .name = name,
    DNS_TLS_FUNCTIONS(F)
#undef F
};
