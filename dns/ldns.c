/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/ldns.h"

#include <ldns/ldns.h>
#include <string.h>

static bool query(const uint8_t *name, size_t name_length, uint16_t type, uint16_t id,
                  uint16_t edns_size, uint8_t **wire, size_t *length)
{
    ldns_rdf *rdf = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name_length, name);
    /* From here on the packet owns the name. */
    ldns_pkt *packet =
        rdf == NULL ? NULL : ldns_pkt_query_new(rdf, (ldns_rr_type)type, LDNS_RR_CLASS_IN, LDNS_RD);
    if (packet == NULL) {
        ldns_rdf_deep_free(rdf);
        return false;
    }
    ldns_pkt_set_id(packet, id);
    if (edns_size != 0) {
        ldns_pkt_set_edns_udp_size(packet, edns_size);
    }
    bool made = ldns_pkt2wire(wire, packet, length) == LDNS_STATUS_OK;
    ldns_pkt_free(packet);
    return made;
}

static bool expand(const uint8_t *message, size_t length, size_t *position,
                   uint8_t name[DNS_LDNS_NAME_MAX], size_t *name_length)
{
    ldns_rdf *expanded = NULL;
    if (ldns_wire2dname(&expanded, message, length, position) != LDNS_STATUS_OK) {
        return false;
    }
    *name_length = ldns_rdf_size(expanded);
    bool fits = *name_length <= DNS_LDNS_NAME_MAX;
    if (fits) {
        memcpy(name, ldns_rdf_data(expanded), *name_length);
    }
    ldns_rdf_deep_free(expanded);
    return fits;
}

__attribute__((visibility("default"))) const struct dns_ldns *dns_ldns_table(void)
{
    static const struct dns_ldns table = {.query = query, .expand = expand};
    return &table;
}
