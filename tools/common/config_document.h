/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An ECHConfigList as a JSON document, with a verdict for each config, and that document as text
 * for people. So both outputs of a tool say the same.
 */
#ifndef TOOLS_COMMON_CONFIG_DOCUMENT_H
#define TOOLS_COMMON_CONFIG_DOCUMENT_H

#include <jansson.h>
#include <stdio.h>

#include "ech/config.h"

/*
 * An array with an object for each ECHConfig of the list, in its order. `chosen` is true for the
 * one that this client would use: the first whose `verdict` is "usable". NULL: the list is
 * malformed, or there is no memory.
 */
json_t *config_document(struct bytes ech_config_list);

/* The index of the chosen config in the array, or -1. */
int config_document_chosen(const json_t *configs);

/* Writes the array, each line after `indent` blanks. */
void config_document_print(FILE *out, const json_t *configs, int indent);

/* Octets as text: lower-case hexadecimal, and Base64 (RFC 4648, 4). */
json_t *hex_document(struct bytes octets);
json_t *base64_document(struct bytes octets);

#endif
