/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A look-up of HTTPS records as a JSON document: each question on the way with the records that
 * answered it and what became of each, then the endpoints with their ECHConfigs, and the choice.
 */
#ifndef TOOLS_COMMON_LOOKUP_DOCUMENT_H
#define TOOLS_COMMON_LOOKUP_DOCUMENT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "dns/lookup.h"

/* What the document's `summary` and the exit status of echdig say. */
enum lookup_summary {
    LOOKUP_ECH,      /* a usable ECHConfig */
    LOOKUP_NO_ECH,   /* no record, or none with ech */
    LOOKUP_UNUSABLE, /* ech is there, but nothing in it that libechshim would use */
    LOOKUP_FAILED,   /* the look-up */
};

/* Looks up host and port and makes the document. NULL: no memory. The cache of `lookup` has to be
 * NULL, for what is cached is not asked and so not seen. */
json_t *lookup_document(const struct dns_lookup *lookup, const char *host, uint16_t port);

enum lookup_summary lookup_document_summary(const json_t *document);

/* Writes the document for people. */
void lookup_document_print(FILE *out, const json_t *document);

#endif
