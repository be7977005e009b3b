/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks for the marker of a ClientHelloInner (RFC 9849, 5) in the octets of a ClientHello as they
 * are written, records and all. Pure. A program may cut its writes wherever it likes, so a reader
 * goes on from write to write and keeps none of the octets.
 */
#ifndef SHIM_STUB_GUARD_HELLO_INNER_H
#define SHIM_STUB_GUARD_HELLO_INNER_H

#include "shim/stub/guard_hello.h"

/* Where a reader stands. All zero: at the first record of a hello. */
struct shim_inner_reader {
    uint32_t left;        /* octets of the hello that are still to come */
    uint32_t skip;        /* of these, what is passed over */
    uint32_t number;      /* that is being read, as far as it is there */
    uint16_t record_left; /* octets of the record that are still to come */
    uint16_t extension;   /* type of the extension that is being read */
    uint8_t record_type;
    uint8_t header; /* octets of a record's header that are there; 0: in its contents, or before */
    uint8_t digits; /* octets of the number that are there */
    uint8_t step;
};

enum shim_inner {
    SHIM_INNER_MORE, /* not known yet: the hello goes on */
    SHIM_INNER_IS,   /* it has the marker */
    SHIM_INNER_NOT,  /* it is over and has none, or is out of shape */
};

/* Reads all that the source has from `at` up to `end`; *read is set to where it stopped. After IS
 * and NOT the reader must not be used any more. */
enum shim_inner shim_inner_read_source(struct shim_inner_reader *reader,
                                       const struct shim_hello_source *source, size_t at,
                                       size_t end, size_t *read);

/* Has the hello at `at` the marker of a ClientHelloInner (RFC 9849, 5)? False too where the hello
 * ends before that. */
bool shim_hello_is_inner(const struct shim_hello_source *source, size_t at);

#endif
