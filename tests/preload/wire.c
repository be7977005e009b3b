/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire.h"
#include "cursor.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDSHAKE_RECORD = 22, CLIENT_HELLO = 1, RECORD_HEADER = 5, HANDSHAKE_HEADER = 4 };

static void read_extensions(struct cursor extensions, struct wire_hello *hello)
{
    while (extensions.left > 0) {
        size_t type = take_number(&extensions, 2);
        struct cursor body = take_vector(&extensions, 2);
        cr_assert_lt(hello->extension_count, (size_t)WIRE_EXTENSIONS);
        hello->extensions[hello->extension_count].type = (uint16_t)type;
        hello->extensions[hello->extension_count++].length = (uint16_t)body.left;
        if (type == WIRE_ECH_TYPE) {
            cr_assert_leq(body.left, sizeof hello->ech);
            memcpy(hello->ech, body.at, body.left);
            hello->ech_length = body.left;
        }
    }
}

static void read_hello(struct cursor message, struct wire_hello *hello)
{
    hello->length = message.left;
    cr_assert_leq(message.left, sizeof hello->message);
    memcpy(hello->message, message.at, message.left);
    take(&message, HANDSHAKE_HEADER + 2 + 32);
    take_vector(&message, 1);
    take_vector(&message, 2);
    take_vector(&message, 1);
    read_extensions(take_vector(&message, 2), hello);
    cr_assert_eq(message.left, 0u);
}

/* The programs here send each hello in one record. About one in 256 encrypted handshake records of
 * TLS 1.2 begins with a 1 too. */
static bool is_hello(size_t type, struct cursor record)
{
    if (type != HANDSHAKE_RECORD || record.left < HANDSHAKE_HEADER ||
        take_number(&record, 1) != CLIENT_HELLO) {
        return false;
    }
    size_t length = take_number(&record, 3);
    return length == record.left;
}

/* Collects the hellos from all records of a connection. */
static size_t read_connection(struct cursor stream, unsigned connection, size_t count,
                              struct wire_hello hellos[WIRE_HELLOS])
{
    while (stream.left >= RECORD_HEADER) {
        size_t type = take_number(&stream, 1);
        size_t version = take_number(&stream, 2);
        struct cursor record = take_vector(&stream, 2);
        if (is_hello(type, record)) {
            cr_assert_lt(count, (size_t)WIRE_HELLOS);
            hellos[count] =
                (struct wire_hello){.connection = connection, .record_version = (unsigned)version};
            read_hello(record, &hellos[count++]);
        }
    }
    return count;
}

size_t wire_hellos(const struct world *world, struct wire_hello hellos[WIRE_HELLOS])
{
    size_t count = 0;
    for (unsigned connection = 1;; connection++) {
        char name[32];
        size_t length;
        snprintf(name, sizeof name, "wire/%04u.c2s", connection);
        char *octets = world_read(world, name, &length);
        if (length > 0) {
            count = read_connection((struct cursor){(const uint8_t *)octets, length}, connection,
                                    count, hellos);
        }
        free(octets);
        if (length == 0) {
            return count;
        }
    }
}

bool wire_has_extension(const struct wire_hello *hello, unsigned type)
{
    for (size_t i = 0; i < hello->extension_count; i++) {
        if (hello->extensions[i].type == type) {
            return true;
        }
    }
    return false;
}

struct wire_ech wire_outer_ech(const struct wire_hello *hello)
{
    struct cursor c = {hello->ech, hello->ech_length};
    cr_assert_gt(hello->ech_length, 0u, "no encrypted_client_hello in the hello");
    cr_assert_eq(take_number(&c, 1), 0u, "not the outer variant");
    struct wire_ech ech = {.kdf = (uint16_t)take_number(&c, 2)};
    ech.aead = (uint16_t)take_number(&c, 2);
    ech.config_id = (uint8_t)take_number(&c, 1);
    struct cursor enc = take_vector(&c, 2);
    struct cursor payload = take_vector(&c, 2);
    cr_assert_eq(c.left, 0u);
    ech.enc = enc.at;
    ech.enc_length = enc.left;
    ech.payload = payload.at;
    ech.payload_length = payload.left;
    return ech;
}
