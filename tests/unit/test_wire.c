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

Test(wire, writer_on_lent_room)
{
    uint8_t room[16];
    struct writer w;
    memset(room, 0xaa, sizeof room);
    wr_init_on(&w, 0, room, sizeof room);
    for (uint8_t i = 0; i < 16; i++) {
        wr_u8(&w, i);
    }
    cr_assert_eq(wr_view(&w).data, room);
    wr_u8(&w, 16); /* more than the room: it allocates, and wipes what it leaves */
    cr_assert_neq(wr_view(&w).data, room);
    for (size_t i = 0; i < sizeof room; i++) {
        cr_assert_eq(room[i], 0);
    }
    cr_assert_eq(wr_view(&w).len, 17);
    cr_assert_eq(wr_view(&w).data[15], 15);
    wr_wipe(&w);
    wr_init_on(&w, 8, room, sizeof room);
    wr_zeros(&w, 8);
    wr_u8(&w, 1);
    cr_assert_eq(wr_finish(&w), ECH_ERR_SPACE);
    wr_init_on(&w, 0, room, sizeof room);
    wr_u32(&w, 0x01020304);
    wr_wipe(&w);
    cr_assert_eq(room[0], 0);
    wr_u8(&w, 1);
    cr_assert_neq(wr_view(&w).data, room);
    wr_free(&w);
}

Test(wire, replace_stays_within)
{
    struct writer w;
    wr_init(&w, 0);
    wr_u32(&w, 0x01020304);
    wr_replace(&w, 2, bytes_of("ab", 2));
    cr_assert(bytes_equal(wr_view(&w), bytes_of("\1\2ab", 4)));
    wr_replace(&w, 4, bytes_of("", 0));
    cr_assert_eq(wr_finish(&w), ECH_OK);
    wr_replace(&w, 3, bytes_of("ab", 2));
    cr_assert_eq(wr_finish(&w), ECH_ERR_SPACE);
    wr_free(&w);
    wr_init(&w, 0);
    wr_replace(&w, 1, bytes_of("a", 1));
    cr_assert_eq(wr_finish(&w), ECH_ERR_SPACE);
    wr_free(&w);
}

Test(wire, move_gives_the_octets)
{
    uint8_t room[4];
    struct writer from;
    struct writer to;
    wr_init(&from, 0);
    wr_init(&to, 8);
    wr_u32(&from, 0x01020304);
    const uint8_t *data = wr_view(&from).data;
    wr_move(&to, &from);
    cr_assert_eq(wr_view(&to).data, data);
    cr_assert_eq(wr_view(&from).len, 0);
    cr_assert_eq(to.max, 8);
    wr_u32(&from, 0x05060708); /* behind what is there */
    wr_move(&to, &from);
    cr_assert(bytes_equal(wr_view(&to), bytes_of("\1\2\3\4\5\6\7\10", 8)));
    wr_u8(&from, 9); /* too much */
    wr_move(&to, &from);
    cr_assert_eq(wr_finish(&to), ECH_ERR_SPACE);
    wr_free(&to);
    wr_init(&to, 8);
    wr_init_on(&from, 0, room, sizeof room); /* what is lent is copied */
    wr_u32(&from, 0x01020304);
    wr_move(&to, &from);
    cr_assert_neq(wr_view(&to).data, room);
    cr_assert_eq(wr_view(&to).len, 4);
    wr_free(&to);
    wr_free(&from);
}

Test(wire, reserve_is_bounded)
{
    struct writer w;
    wr_init(&w, 100);
    wr_reserve(&w, 101);
    cr_assert_eq(w.cap, 0);
    cr_assert_eq(wr_finish(&w), ECH_OK);
    wr_reserve(&w, 100);
    cr_assert_eq(w.cap, 100);
    wr_zeros(&w, 100);
    cr_assert_eq(wr_finish(&w), ECH_OK);
    wr_reserve(&w, SIZE_MAX);
    cr_assert_eq(w.cap, 100);
    wr_free(&w);
}
