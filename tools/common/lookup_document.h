/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A look-up of HTTPS records as a JSON document: each question with the records that answered it
 * and a verdict for each, then the endpoints with their ECHConfigs, and the choice.
 */
#ifndef TOOLS_COMMON_LOOKUP_DOCUMENT_H
#define TOOLS_COMMON_LOOKUP_DOCUMENT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "dns/lookup.h"

/* The document's `summary`, and the exit status of echdig. */
enum lookup_summary {
    LOOKUP_ECH,      /* a usable ECHConfig */
    LOOKUP_NO_ECH,   /* no record, or none with ech */
    LOOKUP_UNUSABLE, /* there is an ech, but libechshim can use nothing in it */
    LOOKUP_FAILED,   /* the look-up */
};

/* Looks up host and port and makes the document. NULL: no memory. The cache of `lookup` must be
 * NULL: a cached answer would not be asked for, and so not shown. */
json_t *lookup_document(const struct dns_lookup *lookup, const char *host, uint16_t port);

/* Asks each resolver of a list by itself, and adds what it said as `resolvers`. Nothing is added
 * for one resolver alone. */
void lookup_document_each(json_t *document, const struct dns_lookup *lookup, const char *host,
                          uint16_t port);

enum lookup_summary lookup_document_summary(const json_t *document);

/* Writes the document for people. */
void lookup_document_print(FILE *out, const json_t *document);

#endif
