/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/hello_guard.h"

enum { HANDSHAKE = 22, CLIENT_HELLO = 1, VERSION_MAJOR = 3, DTLS_VERSION_MAJOR = 0xfe };

enum shim_hello shim_hello_judge(const uint8_t *octets, size_t length)
{
    if (length == 0) {
        return SHIM_HELLO_MORE;
    }
    if (octets[0] != HANDSHAKE || (length > 1 && octets[1] != VERSION_MAJOR) ||
        (length > 5 && octets[5] != CLIENT_HELLO)) {
        return SHIM_HELLO_NONE;
    }
    /*
     * An encrypted handshake record of TLS 1.2 has a 1 there once in 256 times. So, where the
     * record is long enough to hold all of it, the length of the hello (below 65,536) and
     * legacy_version count too. A shorter record is a hello cut into records: none of ours is.
     */
    if (length > 6 && (size_t)(octets[3] << 8 | octets[4]) >= SHIM_HELLO_PREFIX - 5 &&
        (octets[6] != 0 || (length > 9 && octets[9] != VERSION_MAJOR))) {
        return SHIM_HELLO_NONE;
    }
    return length >= SHIM_HELLO_PREFIX ? SHIM_HELLO_IS : SHIM_HELLO_MORE;
}

/* ---- the name in a hello ---- */

/* Reads on; `bad` once something was not there. */
struct cursor {
    shim_hello_octet *octet;
    const void *context;
    size_t at;
    size_t end;
    bool bad;
};

static size_t take(struct cursor *cursor, unsigned octets)
{
    size_t value = 0;
    for (; octets > 0 && !cursor->bad; octets--) {
        uint8_t octet = 0;
        cursor->bad =
            cursor->at >= cursor->end || !cursor->octet(cursor->context, cursor->at, &octet);
        cursor->at++;
        value = value << 8 | octet;
    }
    return cursor->bad ? 0 : value;
}

static void skip(struct cursor *cursor, size_t octets)
{
    cursor->bad = cursor->bad || octets > cursor->end - cursor->at;
    cursor->at += cursor->bad ? 0 : octets;
}

/* Each octet of a name; control characters and NULs are in none. */
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

enum shim_hello_name shim_hello_server_name(shim_hello_octet *octet, const void *context,
                                            char name[SHIM_HELLO_NAME_SIZE])
{
    enum { RECORD_HEADER = 5, SERVER_NAME = 0, HOST_NAME = 0 };
    struct cursor cursor = {.octet = octet, .context = context, .end = RECORD_HEADER};
    skip(&cursor, 3);
    cursor.end += take(&cursor, 2);
    if (take(&cursor, 1) != CLIENT_HELLO || take(&cursor, 3) != cursor.end - cursor.at) {
        return SHIM_HELLO_NAME_UNKNOWN;
    }
    skip(&cursor, 2 + SHIM_HELLO_RANDOM_SIZE);
    skip(&cursor, take(&cursor, 1));
    skip(&cursor, take(&cursor, 2));
    skip(&cursor, take(&cursor, 1));
    if (!cursor.bad && cursor.at == cursor.end) {
        return SHIM_HELLO_NAMELESS; /* RFC 5246, 7.4.1.2: no extensions at all */
    }
    if (take(&cursor, 2) != cursor.end - cursor.at) {
        return SHIM_HELLO_NAME_UNKNOWN;
    }
    while (!cursor.bad && cursor.at < cursor.end) {
        size_t type = take(&cursor, 2);
        size_t length = take(&cursor, 2);
        if (cursor.bad || type != SERVER_NAME) {
            skip(&cursor, length);
            continue;
        }
        size_t list = take(&cursor, 2);
        size_t kind = take(&cursor, 1);
        size_t size = take(&cursor, 2);
        bool whole = list == length - 2 && kind == HOST_NAME && size == list - 3;
        return whole && take_name(&cursor, size, name, SHIM_HELLO_NAME_SIZE)
                   ? SHIM_HELLO_NAMED
                   : SHIM_HELLO_NAME_UNKNOWN;
    }
    return cursor.bad ? SHIM_HELLO_NAME_UNKNOWN : SHIM_HELLO_NAMELESS;
}

bool shim_hello_question_name(shim_hello_octet *octet, const void *context, bool stream,
                              char name[SHIM_HELLO_NAME_SIZE])
{
    enum { DNS_HEADER = 12, LABEL_MAX = 63 };
    struct cursor cursor = {.octet = octet, .context = context, .end = SIZE_MAX};
    if (stream) {
        size_t length = take(&cursor, 2);
        uint8_t other;
        cursor.end = cursor.at + length;
        if (length == 0 || !octet(context, cursor.end - 1, &other) ||
            octet(context, cursor.end, &other)) {
            return false;
        }
    }
    skip(&cursor, 4);
    bool one = take(&cursor, 2) == 1;
    skip(&cursor, DNS_HEADER - 6);
    size_t length = 0;
    for (size_t label = take(&cursor, 1); one && !cursor.bad; label = take(&cursor, 1)) {
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
