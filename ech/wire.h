/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and writing of the TLS presentation language (RFC 8446, 3). Two types: a bounded cursor
 * whose vectors are child cursors, and a growable writer with a sticky failure. No code outside
 * this file does arithmetic on octets from the wire.
 */
#ifndef ECH_WIRE_H
#define ECH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ech/status.h"

/* Borrowed octets; whoever gave them owns them. data may be NULL if len is 0. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){.data = data, .len = len};
}

/* Same length, same octets. Not for secrets: time depends on the contents. */
ECH_MUST_USE bool bytes_equal(struct bytes a, struct bytes b);
/* The same for secrets: time depends on the lengths alone. */
ECH_MUST_USE bool bytes_equal_secret(struct bytes a, struct bytes b);

/* ---- reader ---- */

/* A cursor over borrowed octets. It never moves past its end; a failed read leaves it where it was.
 */
struct reader {
    const uint8_t *data;
    size_t len;
};

static inline struct reader rd_of(struct bytes from)
{
    return (struct reader){.data = from.data, .len = from.len};
}

/* Each returns false, and moves nothing, if the cursor holds less than asked for. */
ECH_MUST_USE bool rd_u8(struct reader *r, uint8_t *out);
ECH_MUST_USE bool rd_u16(struct reader *r, uint16_t *out);
ECH_MUST_USE bool rd_u24(struct reader *r, uint32_t *out);
ECH_MUST_USE bool rd_u32(struct reader *r, uint32_t *out);
ECH_MUST_USE bool rd_bytes(struct reader *r, size_t len, struct bytes *out);
ECH_MUST_USE bool rd_copy(struct reader *r, uint8_t *out, size_t len);
/* A vector with a length prefix of 1, 2 or 3 octets; its contents become the child cursor. */
ECH_MUST_USE bool rd_vec8(struct reader *r, struct reader *child);
ECH_MUST_USE bool rd_vec16(struct reader *r, struct reader *child);
ECH_MUST_USE bool rd_vec24(struct reader *r, struct reader *child);

/* True if nothing is left over. */
static inline bool rd_done(const struct reader *r)
{
    return r->len == 0;
}

/* What is still unread, borrowed. */
static inline struct bytes rd_rest(const struct reader *r)
{
    return (struct bytes){.data = r->data, .len = r->len};
}

/* ---- writer ---- */

/*
 * A growable buffer. Once an operation has failed (no memory, length prefix too small, max
 * exceeded), `failed` stays set, every later write does nothing, and wr_finish returns the failure.
 * It owns its buffer, unless wr_init_on lent one: wr_free or wr_wipe, on success and failure alike.
 */
struct writer {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max; /* hard bound in octets */
    enum ech_status failed;
    bool borrowed; /* data is the caller's */
};

/* An open length prefix: its place and its size in octets. */
struct wr_mark {
    size_t at;
    uint8_t size;
};

/* max bounds the whole output; 0 means 2^17 octets. */
void wr_init(struct writer *w, size_t max);
/* For a writer that does not outlive `room`: it begins there, and allocates only if that is too
 * small. */
void wr_init_on(struct writer *w, size_t max, void *room, size_t size);
/* Makes room for n more octets in one step. */
void wr_reserve(struct writer *w, size_t n);
void wr_u8(struct writer *w, uint8_t v);
void wr_u16(struct writer *w, uint16_t v);
void wr_u32(struct writer *w, uint32_t v);
void wr_bytes(struct writer *w, struct bytes from);
void wr_zeros(struct writer *w, size_t len);
/* Opens a length prefix of `size` octets (1, 2 or 3); wr_close fills in the length of what was
 * written since. */
struct wr_mark wr_open(struct writer *w, uint8_t size);
void wr_close(struct writer *w, struct wr_mark mark);
/* ECH_OK, or the first failure (ECH_ERR_NOMEM, ECH_ERR_SPACE). The writer keeps its octets. */
ECH_MUST_USE enum ech_status wr_finish(const struct writer *w);
/* What was written, borrowed until the next write or free; empty after a failure. */
struct bytes wr_view(const struct writer *w);
/* Overwrites what was written from octet `at` on; the octets must be there. */
void wr_replace(struct writer *w, size_t at, struct bytes with);
/* Gives the octets of `from` to `to`, without a copy if `to` is empty; `from` is empty then. */
void wr_move(struct writer *to, struct writer *from);
/* Drops the first n octets (at most all); for queues. */
void wr_consume(struct writer *w, size_t n);
/* Frees; wr_wipe overwrites the octets first. Both leave an empty writer with the same bound. */
void wr_free(struct writer *w);
void wr_wipe(struct writer *w);

/* Overwrites so that the compiler cannot leave it out. */
void ech_wipe(void *data, size_t len);

#endif
