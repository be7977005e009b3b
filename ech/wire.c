/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/wire.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MAX = 1 << 17, FIRST_CAP = 256 };

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_equal_secret(struct bytes a, struct bytes b)
{
    uint8_t differences = 0;
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        differences |= (uint8_t)(a.data[i] ^ b.data[i]);
    }
    return differences == 0;
}

bool rd_bytes(struct reader *r, size_t len, struct bytes *out)
{
    if (r->len < len) {
        return false;
    }
    *out = bytes_of(r->data, len);
    if (len > 0) {
        r->data += len;
        r->len -= len;
    }
    return true;
}

static bool rd_number(struct reader *r, size_t size, uint32_t *out)
{
    struct bytes b;
    if (!rd_bytes(r, size, &b)) {
        return false;
    }
    uint32_t v = 0;
    for (size_t i = 0; i < size; i++) {
        v = (v << 8) | b.data[i];
    }
    *out = v;
    return true;
}

bool rd_u8(struct reader *r, uint8_t *out)
{
    uint32_t v;
    if (!rd_number(r, 1, &v)) {
        return false;
    }
    *out = (uint8_t)v;
    return true;
}

bool rd_u16(struct reader *r, uint16_t *out)
{
    uint32_t v;
    if (!rd_number(r, 2, &v)) {
        return false;
    }
    *out = (uint16_t)v;
    return true;
}

bool rd_u24(struct reader *r, uint32_t *out)
{
    return rd_number(r, 3, out);
}

bool rd_u32(struct reader *r, uint32_t *out)
{
    return rd_number(r, 4, out);
}

bool rd_copy(struct reader *r, uint8_t *out, size_t len)
{
    struct bytes b;
    if (!rd_bytes(r, len, &b)) {
        return false;
    }
    if (len > 0) {
        memcpy(out, b.data, len);
    }
    return true;
}

static bool rd_vec(struct reader *r, size_t size, struct reader *child)
{
    struct reader probe = *r;
    uint32_t len;
    struct bytes b;
    if (!rd_number(&probe, size, &len) || !rd_bytes(&probe, len, &b)) {
        return false;
    }
    *r = probe;
    *child = rd_of(b);
    return true;
}

bool rd_vec8(struct reader *r, struct reader *child)
{
    return rd_vec(r, 1, child);
}

bool rd_vec16(struct reader *r, struct reader *child)
{
    return rd_vec(r, 2, child);
}

bool rd_vec24(struct reader *r, struct reader *child)
{
    return rd_vec(r, 3, child);
}

void wr_init(struct writer *w, size_t max)
{
    *w = (struct writer){.max = max != 0 ? max : DEFAULT_MAX};
}

void wr_init_on(struct writer *w, size_t max, void *room, size_t size)
{
    wr_init(w, max);
    w->data = room;
    w->cap = size < w->max ? size : w->max;
    w->borrowed = true;
}

/* A first write of many octets is mostly the only one, so it gets as much room as it needs. */
static size_t next_capacity(const struct writer *w, size_t n)
{
    size_t cap = w->cap != 0 ? 2 * w->cap : FIRST_CAP;
    return cap - w->len < n ? w->len + n : cap;
}

static bool grow(struct writer *w, size_t cap)
{
    /* malloc, copy, wipe instead of realloc: the octets may be secret. */
    uint8_t *grown = malloc(cap);
    if (grown == NULL) {
        w->failed = ECH_ERR_NOMEM;
        return false;
    }
    if (w->len > 0) {
        memcpy(grown, w->data, w->len);
        ech_wipe(w->data, w->len);
    }
    if (!w->borrowed) {
        free(w->data);
    }
    w->data = grown;
    w->cap = cap;
    w->borrowed = false;
    return true;
}

/* Makes room for n more octets and returns where they go; NULL with the failure noted, or if n is
 * 0. */
static uint8_t *wr_room(struct writer *w, size_t n)
{
    if (w->failed != ECH_OK || n == 0) {
        return NULL;
    }
    if (n > w->max - w->len) {
        w->failed = ECH_ERR_SPACE;
        return NULL;
    }
    if (n > w->cap - w->len && !grow(w, next_capacity(w, n))) {
        return NULL;
    }
    uint8_t *at = w->data + w->len;
    w->len += n;
    return at;
}

static void put_number(uint8_t *at, size_t size, uint32_t v)
{
    for (size_t i = size; i > 0; i--) {
        at[i - 1] = (uint8_t)(v & 0xff);
        v >>= 8;
    }
}

static void wr_number(struct writer *w, size_t size, uint32_t v)
{
    uint8_t *at = wr_room(w, size);
    if (at != NULL) {
        put_number(at, size, v);
    }
}

void wr_u8(struct writer *w, uint8_t v)
{
    wr_number(w, 1, v);
}

void wr_u16(struct writer *w, uint16_t v)
{
    wr_number(w, 2, v);
}

void wr_u32(struct writer *w, uint32_t v)
{
    wr_number(w, 4, v);
}

void wr_bytes(struct writer *w, struct bytes from)
{
    uint8_t *at = wr_room(w, from.len);
    if (at != NULL && from.len > 0) {
        memcpy(at, from.data, from.len);
    }
}

void wr_zeros(struct writer *w, size_t len)
{
    uint8_t *at = wr_room(w, len);
    if (at != NULL && len > 0) {
        memset(at, 0, len);
    }
}

struct wr_mark wr_open(struct writer *w, uint8_t size)
{
    struct wr_mark mark = {.at = w->len, .size = size};
    wr_zeros(w, size);
    return mark;
}

void wr_close(struct writer *w, struct wr_mark mark)
{
    if (w->failed != ECH_OK) {
        return;
    }
    size_t body = w->len - mark.at - mark.size;
    if (body >> (8 * mark.size) != 0) {
        w->failed = ECH_ERR_SPACE;
        return;
    }
    put_number(w->data + mark.at, mark.size, (uint32_t)body);
}

enum ech_status wr_finish(const struct writer *w)
{
    return w->failed;
}

struct bytes wr_view(const struct writer *w)
{
    return w->failed == ECH_OK ? bytes_of(w->data, w->len) : bytes_of(NULL, 0);
}

void wr_reserve(struct writer *w, size_t n)
{
    if (w->failed == ECH_OK && n > w->cap - w->len && n <= w->max - w->len) {
        (void)grow(w, w->len + n);
    }
}

void wr_replace(struct writer *w, size_t at, struct bytes with)
{
    if (w->failed != ECH_OK || with.len == 0) {
        return;
    }
    if (at > w->len || with.len > w->len - at) {
        w->failed = ECH_ERR_SPACE;
        return;
    }
    memcpy(w->data + at, with.data, with.len);
}

void wr_move(struct writer *to, struct writer *from)
{
    if (to->failed != ECH_OK || to->len > 0 || from->borrowed || from->failed != ECH_OK ||
        from->len > to->max) {
        wr_bytes(to, wr_view(from));
        if (to->failed == ECH_OK) {
            to->failed = from->failed;
        }
        wr_wipe(from);
        return;
    }
    size_t to_max = to->max;
    size_t from_max = from->max;
    wr_free(to);
    *to = *from;
    to->max = to_max;
    wr_init(from, from_max);
}

void wr_consume(struct writer *w, size_t n)
{
    if (n >= w->len) {
        w->len = 0;
        return;
    }
    memmove(w->data, w->data + n, w->len - n);
    w->len -= n;
}

void wr_free(struct writer *w)
{
    size_t max = w->max;
    if (!w->borrowed) {
        free(w->data);
    }
    wr_init(w, max);
}

void wr_wipe(struct writer *w)
{
    if (w->data != NULL) {
        ech_wipe(w->data, w->cap);
    }
    wr_free(w);
}

void ech_wipe(void *data, size_t len)
{
    if (len > 0) {
        explicit_bzero(data, len);
    }
}
