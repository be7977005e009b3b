/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads an ECHConfigList from wherever a person has it. */
#ifndef TOOLS_COMMON_CONFIG_INPUT_H
#define TOOLS_COMMON_CONFIG_INPUT_H

#include <stddef.h>

#include "ech/wire.h"

enum { CONFIG_INPUT_MAX = 1 << 20 }; /* the most octets that are read from a file */

enum config_input {
    CONFIG_INPUT_OK,
    CONFIG_INPUT_UNREADABLE,   /* the file; errno tells */
    CONFIG_INPUT_TOO_LARGE,    /* more than CONFIG_INPUT_MAX */
    CONFIG_INPUT_MISSING,      /* it looks like a file's name, but there is no such file */
    CONFIG_INPUT_EMPTY,        /* nothing but blanks */
    CONFIG_INPUT_NOT_BASE64,   /* the text given is neither Base64 nor a file */
    CONFIG_INPUT_FILE,         /* the file's contents are in no known format */
    CONFIG_INPUT_NO_ECHCONFIG, /* PEM, without a block of that label */
    CONFIG_INPUT_BROKEN_PEM,   /* such a block has no Base64, or no end */
    CONFIG_INPUT_TWO_BLOCKS,   /* RFC 9934, 3: there is one ECHCONFIG block, with all configs */
    CONFIG_INPUT_NO_MEMORY,
};

/*
 * `text` is "-" for standard input, the name of a file, or Base64. A file holds PEM (RFC 9934; a
 * private key in it is passed over), Base64, or the octets themselves. Appends what it finds to
 * `out`, without checking it: see ech_config_list_check.
 */
ECH_MUST_USE enum config_input config_input_read(const char *text, struct writer *out);

/* The same for octets in memory: the contents of a file. */
ECH_MUST_USE enum config_input config_input_decode(struct bytes content, struct writer *out);

/* Half a sentence for each, without its stop; static storage; NULL for CONFIG_INPUT_OK. That of
 * CONFIG_INPUT_UNREADABLE is errno's. */
const char *config_input_problem(enum config_input problem);

#endif
