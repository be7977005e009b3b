/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks for the marker of a ClientHelloInner (RFC 9849, 5) in the octets of a ClientHello as they
 * are written, records and all. Pure. A program may cut its writes anywhere, so a reader goes on
 * from write to write. It keeps no octets.
 */
#ifndef SHIM_STUB_GUARD_HELLO_INNER_H
#define SHIM_STUB_GUARD_HELLO_INNER_H

#include "shim/stub/guard_hello.h"

/* Where a reader stands. All zero: at the first record of a hello. */
struct shim_inner_reader {
    uint32_t left;        /* octets of the hello that are still to come */
    uint32_t skip;        /* of these, octets to skip */
    uint32_t number;      /* the part of a number that was read */
    uint16_t record_left; /* octets of the record that are still to come */
    uint16_t extension;   /* type of the extension that is being read */
    uint8_t record_type;
    uint8_t header; /* octets of a record's header that were read; 0: in the contents, or before the
                       header */
    uint8_t digits; /* octets of the number that were read */
    uint8_t step;
};

enum shim_inner {
    SHIM_INNER_MORE, /* not known yet: the hello goes on */
    SHIM_INNER_IS,   /* it has the marker */
    SHIM_INNER_NOT,  /* it ended without the marker, or is malformed */
};

/* Reads from `at` up to `end`, as far as the source goes. *read is where it stopped. Do not use the
 * reader after IS or NOT. */
enum shim_inner shim_inner_read_source(struct shim_inner_reader *reader,
                                       const struct shim_hello_source *source, size_t at,
                                       size_t end, size_t *read);

/* Has the hello at `at` the marker of a ClientHelloInner (RFC 9849, 5)? Also false if the octets
 * end before it. */
bool shim_hello_is_inner(const struct shim_hello_source *source, size_t at);

#endif
