/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>

#include "ech/wire.h"

Test(wire, reads_in_order_and_stops_at_the_end)
{
    static const uint8_t octets[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    struct reader r = rd_of(bytes_of(octets, sizeof octets));
    uint8_t u8;
    uint16_t u16;
    uint32_t u24;
    uint32_t u32;
    cr_assert(rd_u8(&r, &u8) && rd_u16(&r, &u16) && rd_u24(&r, &u24) && rd_u32(&r, &u32));
    cr_assert_eq(u8, 1);
    cr_assert_eq(u16, 0x0203);
    cr_assert_eq(u24, 0x040506);
    cr_assert_eq(u32, 0x0708090a);
    cr_assert(rd_done(&r));
    cr_assert_not(rd_u8(&r, &u8));
}

Test(wire, a_failed_read_moves_nothing)
{
    static const uint8_t octets[] = {0, 5, 1, 2, 3};
    struct reader r = rd_of(bytes_of(octets, sizeof octets));
    struct reader child;
    uint32_t u32;
    cr_assert_not(rd_vec16(&r, &child));
    cr_assert_eq(r.len, sizeof octets);
    cr_assert(rd_u32(&r, &u32));
    cr_assert_not(rd_u32(&r, &u32));
    cr_assert_eq(r.len, 1);
}

Test(wire, vectors_are_bounded_children)
{
    static const uint8_t octets[] = {2, 0xaa, 0xbb, 0, 1, 0xcc, 0, 0, 1, 0xdd};
    struct reader r = rd_of(bytes_of(octets, sizeof octets));
    struct reader a;
    struct reader b;
    struct reader c;
    cr_assert(rd_vec8(&r, &a) && rd_vec16(&r, &b) && rd_vec24(&r, &c) && rd_done(&r));
    cr_assert_eq(a.len, 2);
    cr_assert_eq(b.len, 1);
    cr_assert_eq(c.data[0], 0xdd);
}

Test(wire, writes_what_reads_back)
{
    struct writer w;
    wr_init(&w, 0);
    struct wr_mark outer = wr_open(&w, 3);
    wr_u8(&w, 7);
    struct wr_mark inner = wr_open(&w, 2);
    wr_u32(&w, 0x01020304);
    wr_zeros(&w, 2);
    wr_close(&w, inner);
    wr_close(&w, outer);
    cr_assert_eq(wr_finish(&w), ECH_OK);
    static const uint8_t expected[] = {0, 0, 9, 7, 0, 6, 1, 2, 3, 4, 0, 0};
    cr_assert(bytes_equal(wr_view(&w), bytes_of(expected, sizeof expected)));
    wr_wipe(&w);
    cr_assert_eq(wr_view(&w).len, 0);
}

Test(wire, failure_sticks)
{
    struct writer w;
    wr_init(&w, 300);
    struct wr_mark m = wr_open(&w, 1);
    wr_zeros(&w, 256);
    wr_close(&w, m);
    cr_assert_eq(wr_finish(&w), ECH_ERR_SPACE, "a length of 256 does not fit one octet");
    wr_u8(&w, 1);
    cr_assert_eq(wr_view(&w).len, 0);
    wr_free(&w);

    wr_zeros(&w, 300);
    cr_assert_eq(wr_finish(&w), ECH_OK);
    wr_u8(&w, 1);
    cr_assert_eq(wr_finish(&w), ECH_ERR_SPACE);
    wr_free(&w);
}

Test(wire, consume_keeps_the_rest)
{
    struct writer w;
    wr_init(&w, 0);
    wr_bytes(&w, bytes_of("abcdef", 6));
    wr_consume(&w, 2);
    cr_assert(bytes_equal(wr_view(&w), bytes_of("cdef", 4)));
    wr_consume(&w, 9);
    cr_assert_eq(wr_view(&w).len, 0);
    wr_free(&w);
}
