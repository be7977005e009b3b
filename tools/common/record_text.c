/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/record_text.h"

#include <ldns/ldns.h>
#include <stdlib.h>

#include "dns/message.h"
#include "tools/common/config_document.h"

json_t *name_text(const struct dns_name *name)
{
    ldns_rdf *rdf = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name->len, name->octets);
    char *text = rdf != NULL ? ldns_rdf2str(rdf) : NULL;
    json_t *document = text != NULL ? json_string(text) : NULL;
    free(text);
    ldns_rdf_deep_free(rdf);
    return document;
}

/* RFC 3597, 5: \# LENGTH HEXADECIMAL */
static json_t *unknown_rdata(struct bytes rdata)
{
    json_t *hex = hex_document(rdata);
    json_t *text = json_sprintf("\\# %zu %s", rdata.len, hex != NULL ? json_string_value(hex) : "");
    json_decref(hex);
    return text;
}

/* The fields of a record, with blanks between them. */
static json_t *fields_text(const ldns_rr *rr)
{
    ldns_buffer *buffer = ldns_buffer_new(LDNS_MIN_BUFLEN);
    if (buffer == NULL) {
        return NULL;
    }
    bool ok = true;
    for (size_t i = 0; i < ldns_rr_rd_count(rr) && ok; i++) {
        ok = (i == 0 || ldns_buffer_printf(buffer, " ") >= 0) &&
             ldns_rdf2buffer_str(buffer, ldns_rr_rdf(rr, i)) == LDNS_STATUS_OK;
    }
    char *text = ok ? ldns_buffer_export2str(buffer) : NULL;
    json_t *document = text != NULL ? json_string(text) : NULL;
    free(text);
    ldns_buffer_free(buffer);
    return document;
}

json_t *https_record_text(struct bytes rdata)
{
    /* Makes a whole record of the RDATA: root, type, class, TTL. */
    struct writer w;
    wr_init(&w, 0);
    wr_u8(&w, 0);
    wr_u16(&w, DNS_TYPE_HTTPS);
    wr_u16(&w, LDNS_RR_CLASS_IN);
    wr_u32(&w, 0);
    struct wr_mark length = wr_open(&w, 2);
    wr_bytes(&w, rdata);
    wr_close(&w, length);
    ldns_rr *rr = NULL;
    size_t pos = 0;
    json_t *text = NULL;
    if (wr_finish(&w) == ECH_OK && ldns_wire2rr(&rr, wr_view(&w).data, wr_view(&w).len, &pos,
                                                LDNS_SECTION_ANSWER) == LDNS_STATUS_OK) {
        text = fields_text(rr);
        ldns_rr_free(rr);
    }
    wr_free(&w);
    return text != NULL ? text : unknown_rdata(rdata);
}
