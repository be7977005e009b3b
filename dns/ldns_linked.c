/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tools and tests, which are linked with ldns. */
#include "dns/ldns.h"

const struct dns_ldns *dns_ldns(void)
{
    return dns_ldns_table();
}
