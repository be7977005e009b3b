/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/guard_hello.h"

#include <string.h>

enum {
    CHANGE_CIPHER_SPEC = 20,
    ALERT = 21,
    HANDSHAKE = 22,
    APPLICATION_DATA = 23,
    HEARTBEAT = 24,
    CLIENT_HELLO = 1,
    VERSION_MAJOR = 3,
    VERSION_MINOR_MAX = 4,
    DTLS_VERSION_MAJOR = 0xfe,
    RECORD_HEADER = 5,
    RECORD_MAX = 16384 + 2048, /* RFC 5246, 6.2.3 */
    ALERT_SIZE = 2,
    MESSAGE_HEADER = 4,
    RANDOM_AT = MESSAGE_HEADER + 2,
    BEGINNING =
        RANDOM_AT + SHIM_HELLO_RANDOM_SIZE, /* of a hello: all octets before its session id */
};

static bool octet_at(const struct shim_hello_source *source, size_t at, uint8_t *octet)
{
    const uint8_t *octets;
    size_t length;
    if (!source->octets(source->context, at, &octets, &length)) {
        return false;
    }
    *octet = *octets;
    return true;
}

/* Copies up to `max` octets from `at` on; returns how many. */
static size_t copy(const struct shim_hello_source *source, size_t at, uint8_t *out, size_t max)
{
    size_t have = 0;
    const uint8_t *octets;
    size_t length;
    while (have < max && source->octets(source->context, at + have, &octets, &length)) {
        length = length < max - have ? length : max - have;
        memcpy(out + have, octets, length);
        have += length;
    }
    return have;
}

/* ---- is it a hello? ---- */

/* At a border of records: whatever any server accepts. Elsewhere: an ordinary hello only. */
enum shape { SHAPE_ANY, SHAPE_ORDINARY };

static size_t length_of(const uint8_t *message)
{
    return (size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3];
}

/*
 * Can these first octets of a handshake message (1 to BEGINNING) be a hello's? `size` is that of
 * its first record. An encrypted handshake record of TLS 1.2 looks random, so it may look like the
 * first part of a longer hello. Such a part must look ordinary, unless it is shorter than any
 * encrypted record.
 */
static bool begins_hello(const uint8_t *message, size_t length, size_t size, enum shape shape)
{
    enum { VERSION = 4, LONGEST_HIGH = 2, ENCRYPTED_MIN = 32 };
    if (message[0] != CLIENT_HELLO || (length > 1 && message[1] > LONGEST_HIGH)) {
        return false;
    }
    if (length < MESSAGE_HEADER) {
        return true;
    }
    size_t hello = length_of(message);
    bool ordinary =
        shape == SHAPE_ORDINARY || (size < MESSAGE_HEADER + hello && size >= ENCRYPTED_MIN);
    if (hello < BEGINNING - MESSAGE_HEADER || (ordinary && message[1] != 0)) {
        return false;
    }
    if (length <= VERSION || !ordinary) {
        return length <= VERSION || message[VERSION] >= VERSION_MAJOR;
    }
    return message[VERSION] == VERSION_MAJOR &&
           (length <= VERSION + 1 || message[VERSION + 1] <= VERSION_MINOR_MAX);
}

/* Can these octets (1 to RECORD_HEADER) begin a record in which a hello begins, or goes on
 * (`begun`)? */
static bool begins_record(const uint8_t *header, size_t length, enum shape shape, bool begun)
{
    bool between = begun && header[0] == ALERT;
    if (header[0] != HANDSHAKE && !between) {
        return false;
    }
    if (shape == SHAPE_ORDINARY && ((length > 1 && header[1] != VERSION_MAJOR) ||
                                    (length > 2 && header[2] > VERSION_MINOR_MAX))) {
        return false;
    }
    size_t size = length >= RECORD_HEADER ? (size_t)(header[3] << 8 | header[4]) : 0;
    return size <= RECORD_MAX && (!between || length < RECORD_HEADER || size == ALERT_SIZE);
}

/* Reads the hello that may begin at `at`, record by record, up to the end of its random. */
static void judge(const struct shim_hello_source *source, size_t at, enum shape shape,
                  struct shim_hello_sight *sight)
{
    uint8_t message[BEGINNING];
    size_t length = 0;
    size_t first = 0; /* size of the record in which the message begins */
    size_t next = at;
    *sight = (struct shim_hello_sight){.hello = SHIM_HELLO_NONE, .at = at};
    while (length < BEGINNING) {
        uint8_t header[RECORD_HEADER];
        size_t have = copy(source, next, header, sizeof header);
        if (have > 0 && !begins_record(header, have, shape, length > 0)) {
            return;
        }
        if (have < sizeof header) {
            sight->hello = have > 0 || next > at ? SHIM_HELLO_MORE : SHIM_HELLO_NONE;
            return;
        }
        size_t size = (size_t)(header[3] << 8 | header[4]);
        next += RECORD_HEADER;
        if (header[0] == HANDSHAKE) {
            size_t wanted = size < BEGINNING - length ? size : BEGINNING - length;
            size_t got = copy(source, next, message + length, wanted);
            first = first == 0 ? size : first;
            length += got;
            if (length > 0 && !begins_hello(message, length, first, shape)) {
                return;
            }
            if (got < wanted) {
                sight->hello = SHIM_HELLO_MORE;
                return;
            }
            size = length < BEGINNING ? size : got;
        }
        next += size;
    }
    sight->hello = SHIM_HELLO_IS;
    sight->needed = next - at;
    memcpy(sight->random, message + RANDOM_AT, sizeof sight->random);
}

/*
 * RFC 5246, E.2: a length with the first bit set, the type, a version of TLS, the lengths of
 * cipher_specs, session_id and challenge. Only the first octets of a connection can be one.
 */
static void judge_old(const struct shim_hello_source *source, struct shim_hello_sight *sight)
{
    enum { HEADER = 11, COUNTED = 9, CHALLENGE_MIN = 16, SESSION_ID_MAX = 32, SPEC = 3 };
    uint8_t octets[HEADER] = {0};
    size_t have = copy(source, 0, octets, sizeof octets);
    *sight = (struct shim_hello_sight){.hello = SHIM_HELLO_NONE};
    if (have == 0 || (octets[0] & 0x80) == 0 || (have > 2 && octets[2] != CLIENT_HELLO) ||
        (have > 3 && octets[3] != VERSION_MAJOR) || (have > 4 && octets[4] > VERSION_MINOR_MAX)) {
        return;
    }
    if (have < HEADER) {
        sight->hello = SHIM_HELLO_MORE;
        return;
    }
    size_t specs = (size_t)(octets[5] << 8 | octets[6]);
    size_t session_id = (size_t)(octets[7] << 8 | octets[8]);
    size_t challenge = (size_t)(octets[9] << 8 | octets[10]);
    if ((size_t)((octets[0] & 0x7f) << 8 | octets[1]) == COUNTED + specs + session_id + challenge &&
        specs > 0 && specs % SPEC == 0 && session_id <= SESSION_ID_MAX &&
        challenge >= CHALLENGE_MIN) {
        *sight = (struct shim_hello_sight){.hello = SHIM_HELLO_IS, .needed = HEADER, .old = true};
    }
}

/* The size of the record that begins at `at`; 0 if that is no clear record. With an unusual
 * version only records that may precede a hello are clear. Only application data may end in a
 * later write. */
static size_t record_at(const struct shim_hello_source *source, size_t at)
{
    uint8_t header[RECORD_HEADER];
    uint8_t last;
    if (copy(source, at, header, sizeof header) < sizeof header || header[0] < CHANGE_CIPHER_SPEC ||
        header[0] > HEARTBEAT) {
        return 0;
    }
    size_t size = RECORD_HEADER + (size_t)(header[3] << 8 | header[4]);
    bool before_hello = (header[0] == ALERT && size == RECORD_HEADER + ALERT_SIZE) ||
                        (header[0] == CHANGE_CIPHER_SPEC && size <= RECORD_HEADER + 1);
    bool plain = size <= RECORD_HEADER + RECORD_MAX &&
                 (header[1] == VERSION_MAJOR || before_hello) &&
                 (header[0] == APPLICATION_DATA || octet_at(source, at + size - 1, &last));
    return plain ? size : 0;
}

/* Moves to the next octet that may begin a hello; false if there is none. */
static bool next_candidate(const struct shim_hello_source *source, size_t *at)
{
    const uint8_t *octets;
    size_t length;
    while (source->octets(source->context, *at, &octets, &length)) {
        const uint8_t *found = memchr(octets, HANDSHAKE, length);
        if (found != NULL) {
            *at += (size_t)(found - octets);
            return true;
        }
        *at += length;
    }
    return false;
}

size_t shim_hello_find(const struct shim_hello_source *source, struct shim_hello_sight *sight)
{
    size_t at = 0;
    size_t record;
    judge_old(source, sight);
    if (sight->hello != SHIM_HELLO_NONE) {
        return 0;
    }
    do {
        judge(source, at, SHAPE_ANY, sight);
        record = sight->hello == SHIM_HELLO_NONE ? record_at(source, at) : 0;
        at += record;
    } while (record > 0);
    return at;
}

void shim_hello_scan(const struct shim_hello_source *source, size_t at,
                     struct shim_hello_sight *sight)
{
    *sight = (struct shim_hello_sight){.hello = SHIM_HELLO_NONE};
    while (sight->hello == SHIM_HELLO_NONE && next_candidate(source, &at)) {
        judge(source, at, SHAPE_ORDINARY, sight);
        at++;
    }
}

/* ---- the name and other fields of a hello ---- */

/* Reads octets, across records or without them. `bad`: something was missing. */
struct cursor {
    const struct shim_hello_source *source;
    size_t at;
    size_t left; /* in the current record; SIZE_MAX: not known */
    size_t record_left;
    bool in_records;
    bool bad;
};

/* Goes on to the next record of the message. */
static void enter_record(struct cursor *cursor)
{
    while (cursor->in_records && cursor->record_left == 0 && !cursor->bad) {
        uint8_t header[RECORD_HEADER];
        if (copy(cursor->source, cursor->at, header, sizeof header) < sizeof header ||
            (header[0] != HANDSHAKE && header[0] != ALERT)) {
            cursor->bad = true;
            return;
        }
        size_t size = (size_t)(header[3] << 8 | header[4]);
        cursor->at += RECORD_HEADER + (header[0] == ALERT ? size : 0);
        cursor->record_left = header[0] == HANDSHAKE ? size : 0;
    }
}

static size_t take(struct cursor *cursor, unsigned octets)
{
    size_t value = 0;
    for (; octets > 0 && !cursor->bad; octets--) {
        uint8_t octet = 0;
        enter_record(cursor);
        cursor->bad =
            cursor->bad || cursor->left == 0 || !octet_at(cursor->source, cursor->at, &octet);
        cursor->at++;
        cursor->left--;
        cursor->record_left--;
        value = value << 8 | octet;
    }
    return cursor->bad ? 0 : value;
}

static void skip(struct cursor *cursor, size_t octets)
{
    cursor->bad = cursor->bad || octets > cursor->left;
    while (octets > 0 && !cursor->bad) {
        enter_record(cursor);
        size_t step =
            cursor->in_records && cursor->record_left < octets ? cursor->record_left : octets;
        cursor->at += step;
        cursor->left -= step;
        cursor->record_left -= step;
        octets -= step;
    }
}

/* Takes a name. Names have no control characters and no NULs. */
static bool take_name(struct cursor *cursor, size_t length, char *name, size_t room)
{
    if (length == 0 || length >= room) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        size_t octet = take(cursor, 1);
        if (octet <= ' ') {
            return false;
        }
        name[i] = (char)octet;
    }
    name[length] = '\0';
    return !cursor->bad;
}

/* Goes to the extensions of the hello at `at`. False: it has none, or the cursor is bad because the
 * hello cannot be read that far. */
static bool find_extensions(struct cursor *cursor, const struct shim_hello_source *source,
                            size_t at)
{
    *cursor = (struct cursor){.source = source, .at = at, .left = SIZE_MAX, .in_records = true};
    cursor->bad = take(cursor, 1) != CLIENT_HELLO;
    size_t length = take(cursor, 3);
    cursor->left = cursor->bad ? 0 : length;
    skip(cursor, 2 + SHIM_HELLO_RANDOM_SIZE);
    skip(cursor, take(cursor, 1));
    skip(cursor, take(cursor, 2));
    skip(cursor, take(cursor, 1));
    if (cursor->bad || cursor->left == 0) {
        return false; /* RFC 5246, 7.4.1.2: there may be no extensions at all */
    }
    cursor->bad = take(cursor, 2) != cursor->left || cursor->bad;
    return !cursor->bad;
}

/* Goes on to the contents of the extension of this type, and gives their length. False: there is
 * none. */
static bool find_extension(struct cursor *cursor, size_t type, size_t *length)
{
    while (!cursor->bad && cursor->left > 0) {
        size_t seen = take(cursor, 2);
        *length = take(cursor, 2);
        if (!cursor->bad && seen == type) {
            return true;
        }
        skip(cursor, *length);
    }
    return false;
}

enum shim_hello_name shim_hello_server_name(const struct shim_hello_source *source, size_t at,
                                            char name[SHIM_HELLO_NAME_SIZE])
{
    enum { SERVER_NAME = 0, HOST_NAME = 0 };
    struct cursor cursor;
    size_t length;
    if (!find_extensions(&cursor, source, at) || !find_extension(&cursor, SERVER_NAME, &length)) {
        return cursor.bad ? SHIM_HELLO_NAME_UNKNOWN : SHIM_HELLO_NAMELESS;
    }
    size_t list = take(&cursor, 2);
    size_t kind = take(&cursor, 1);
    size_t size = take(&cursor, 2);
    bool whole = list == length - 2 && kind == HOST_NAME && size == list - 3;
    return whole && take_name(&cursor, size, name, SHIM_HELLO_NAME_SIZE) ? SHIM_HELLO_NAMED
                                                                         : SHIM_HELLO_NAME_UNKNOWN;
}

bool shim_hello_is_outer(const struct shim_hello_source *source, size_t at, uint8_t *config_id)
{
    enum { ENCRYPTED_CLIENT_HELLO = 0xfe0d, OUTER = 0, CIPHER_SUITE = 4 };
    struct cursor cursor;
    size_t length;
    if (!find_extensions(&cursor, source, at) ||
        !find_extension(&cursor, ENCRYPTED_CLIENT_HELLO, &length) || length <= 1 + CIPHER_SUITE ||
        take(&cursor, 1) != OUTER) {
        return false;
    }
    skip(&cursor, CIPHER_SUITE);
    *config_id = (uint8_t)take(&cursor, 1);
    return !cursor.bad;
}

bool shim_hello_question_name(const struct shim_hello_source *source, bool stream,
                              char name[SHIM_HELLO_NAME_SIZE])
{
    enum { DNS_HEADER = 12, LABEL_MAX = 63 };
    struct cursor cursor = {.source = source, .left = SIZE_MAX};
    if (stream) {
        size_t length = take(&cursor, 2);
        uint8_t other;
        cursor.left = length;
        if (length == 0 || !octet_at(source, cursor.at + length - 1, &other) ||
            octet_at(source, cursor.at + length, &other)) {
            return false;
        }
    }
    skip(&cursor, 4);
    bool single = take(&cursor, 2) == 1;
    skip(&cursor, DNS_HEADER - 6);
    size_t length = 0;
    for (size_t label = take(&cursor, 1); single && !cursor.bad; label = take(&cursor, 1)) {
        if (label == 0) {
            name[length > 0 ? length - 1 : 0] = '\0';
            return length > 0;
        }
        if (label > LABEL_MAX ||
            !take_name(&cursor, label, name + length, SHIM_HELLO_NAME_SIZE - 1 - length)) {
            return false;
        }
        length += label;
        name[length++] = '.';
    }
    return false;
}

bool shim_hello_in_datagram(const uint8_t *octets, size_t length)
{
    /* QUIC: long header form, a version that is not 0 (0 is only a server's), two connection ids.
     */
    if (length >= 7 && (octets[0] & 0x80) != 0) {
        return (octets[1] | octets[2] | octets[3] | octets[4]) != 0;
    }
    /* DTLS: each fragment of a hello begins with the message's type, after 13 octets of record
     * header. */
    return length >= SHIM_HELLO_DATAGRAM && octets[0] == HANDSHAKE &&
           octets[1] == DTLS_VERSION_MAJOR && octets[13] == CLIENT_HELLO;
}
