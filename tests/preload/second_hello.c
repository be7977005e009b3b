/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "second_hello.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

enum {
    CLIENT_HELLO = 1,
    SERVER_HELLO = 2,
    PADDING = 21,
    PRE_SHARED_KEY = 41,
    EARLY_DATA = 42,
    COOKIE = 44,
    KEY_SHARE = 51,
    RANDOM = 32,
};

/* ---- the messages ---- */

struct extension {
    unsigned type;
    struct cursor data;
};

struct hello {
    /* Everything in front of the extensions. */
    struct cursor head;
    struct extension extensions[WIRE_EXTENSIONS];
    size_t count;
};

static bool same(struct cursor first, struct cursor second)
{
    return first.left == second.left && memcmp(first.at, second.at, first.left) == 0;
}

static struct hello parse(struct cursor message, unsigned type)
{
    struct hello hello = {.count = 0};
    cr_assert_eq(take_number(&message, 1), type);
    struct cursor body = take_vector(&message, 3);
    cr_assert_eq(message.left, 0u);
    hello.head.at = body.at;
    take(&body, 2 + RANDOM);
    take_vector(&body, 1);
    if (type == CLIENT_HELLO) {
        take_vector(&body, 2);
        take_vector(&body, 1);
    } else {
        take(&body, 2 + 1);
    }
    hello.head.left = (size_t)(body.at - hello.head.at);
    struct cursor extensions = take_vector(&body, 2);
    cr_assert_eq(body.left, 0u);
    while (extensions.left > 0) {
        cr_assert_lt(hello.count, (size_t)WIRE_EXTENSIONS);
        struct extension *extension = &hello.extensions[hello.count++];
        extension->type = (unsigned)take_number(&extensions, 2);
        extension->data = take_vector(&extensions, 2);
    }
    return hello;
}

static const struct extension *find(const struct hello *hello, unsigned type)
{
    for (size_t i = 0; i < hello->count; i++) {
        if (hello->extensions[i].type == type) {
            return &hello->extensions[i];
        }
    }
    return NULL;
}

/* ---- what may change ---- */

static const char *key_share_fault(struct cursor second, const struct extension *asked)
{
    struct cursor list = take_vector(&second, 2);
    struct cursor request = asked->data;
    size_t group = take_number(&list, 2);
    struct cursor share = take_vector(&list, 2);
    if (group != take_number(&request, 2)) {
        return "key_share is not of the group that was asked for";
    }
    return list.left == 0 && second.left == 0 && share.left > 0 ? NULL : "more than one share";
}

/* The second hello has its identities in the order of the first; it may leave some out. */
static const char *psk_fault(struct cursor first, struct cursor second)
{
    struct cursor offered = take_vector(&first, 2);
    struct cursor kept = take_vector(&second, 2);
    size_t identities = 0;
    while (kept.left > 0) {
        struct cursor identity = take_vector(&kept, 2);
        struct cursor candidate = {NULL, 0};
        take(&kept, 4);
        do {
            if (offered.left == 0) {
                return "a PSK that the first hello did not offer, or in another order";
            }
            candidate = take_vector(&offered, 2);
            take(&offered, 4);
        } while (!same(candidate, identity));
        identities++;
    }
    struct cursor binders = take_vector(&second, 2);
    while (binders.left > 0 && identities > 0) {
        take_vector(&binders, 1);
        identities--;
    }
    return binders.left == 0 && identities == 0 && second.left == 0 ? NULL : "binders and PSKs";
}

static const char *ech_fault(struct cursor first, struct cursor second)
{
    enum { OUTER = 0, TYPE_SUITE_AND_CONFIG_ID = 6 };
    if (same(first, second)) {
        return NULL;
    }
    const uint8_t *before = take(&first, TYPE_SUITE_AND_CONFIG_ID);
    const uint8_t *after = take(&second, TYPE_SUITE_AND_CONFIG_ID);
    if (before[0] != OUTER || memcmp(before, after, TYPE_SUITE_AND_CONFIG_ID) != 0) {
        return "encrypted_client_hello of another type, suite or config_id";
    }
    struct cursor enc = take_vector(&second, 2);
    struct cursor payload = take_vector(&second, 2);
    return enc.left == 0 && payload.left > 0 && second.left == 0 ? NULL : "enc is not empty";
}

static const char *extension_fault(const struct extension *first, const struct extension *second,
                                   const struct hello *request)
{
    const struct extension *group = find(request, KEY_SHARE);
    switch (first->type) {
    case KEY_SHARE:
        if (group != NULL) {
            return key_share_fault(second->data, group);
        }
        break;
    case WIRE_ECH_TYPE:
        return ech_fault(first->data, second->data);
    default:
        break;
    }
    return same(first->data, second->data) ? NULL : "an extension has changed";
}

/* ---- the comparison ---- */

/* The second hello may add or drop these. We check pre_shared_key, the last one, separately. */
static bool comes_or_goes(unsigned type)
{
    return type == PADDING || type == EARLY_DATA || type == COOKIE || type == PRE_SHARED_KEY;
}

static const struct extension *next_that_stays(const struct hello *hello, size_t *i)
{
    while (*i < hello->count && comes_or_goes(hello->extensions[*i].type)) {
        ++*i;
    }
    return *i < hello->count ? &hello->extensions[(*i)++] : NULL;
}

static const char *cookie_fault(const struct hello *first, const struct hello *second,
                                const struct hello *request)
{
    const struct extension *given = find(request, COOKIE);
    const struct extension *sent = find(second, COOKIE);
    if (find(first, COOKIE) != NULL) {
        return "a cookie that nobody gave";
    }
    if (given == NULL || sent == NULL) {
        return given == sent ? NULL : "a cookie is missing, or was made up";
    }
    return same(given->data, sent->data) ? NULL : "another cookie";
}

static const char *last_fault(const struct hello *first, const struct hello *second)
{
    const struct extension *before = find(first, PRE_SHARED_KEY);
    const struct extension *after = find(second, PRE_SHARED_KEY);
    if (after == NULL) {
        return NULL;
    }
    if (before == NULL || after != &second->extensions[second->count - 1]) {
        return "pre_shared_key is new, or not the last one";
    }
    return psk_fault(before->data, after->data);
}

static bool has_twice(const struct hello *hello)
{
    for (size_t i = 0; i < hello->count; i++) {
        if (find(hello, hello->extensions[i].type) != &hello->extensions[i]) {
            return true;
        }
    }
    return false;
}

const char *second_hello_fault(struct cursor first_message, struct cursor second_message,
                               struct cursor hello_retry_request)
{
    struct hello first = parse(first_message, CLIENT_HELLO);
    struct hello second = parse(second_message, CLIENT_HELLO);
    struct hello request = parse(hello_retry_request, SERVER_HELLO);
    size_t i = 0;
    size_t j = 0;
    if (!same(first.head, second.head)) {
        return "version, random, session id, suites or compression methods have changed";
    }
    if (find(&second, EARLY_DATA) != NULL || has_twice(&first) || has_twice(&second)) {
        return "early_data is still there, or an extension twice";
    }
    for (;;) {
        const struct extension *before = next_that_stays(&first, &i);
        const struct extension *after = next_that_stays(&second, &j);
        if (before == NULL && after == NULL) {
            break;
        }
        if (before == NULL || after == NULL || before->type != after->type) {
            return "other extensions, or in another order";
        }
        const char *fault = extension_fault(before, after, &request);
        if (fault != NULL) {
            return fault;
        }
    }
    const char *fault = cookie_fault(&first, &second, &request);
    return fault != NULL ? fault : last_fault(&first, &second);
}

/* ---- the hellos of a world ---- */

static void compare(const char *whose, struct cursor first, struct cursor second,
                    struct cursor hello_retry_request)
{
    const char *fault = second_hello_fault(first, second, hello_retry_request);
    cr_assert_null(fault, "the second hello (%s) is not the first: %s", whose, fault);
}

/* The whole message at the start of the first record of that type. */
static struct cursor find_message(struct cursor *stream, unsigned type)
{
    enum { HANDSHAKE = 22, HEADER = 5 };
    while (stream->left >= HEADER) {
        size_t content = take_number(stream, 1);
        take(stream, 2);
        size_t length = take_number(stream, 2);
        if (length > stream->left) {
            break; /* cut off */
        }
        struct cursor record = {take(stream, length), length};
        if (content == HANDSHAKE && length > 4 && record.at[0] == type) {
            struct cursor after_type = {record.at + 1, 3};
            size_t body = take_number(&after_type, 3);
            cr_assert_leq(4 + body, length, "a hello in more than one record");
            return (struct cursor){record.at, 4 + body};
        }
    }
    return (struct cursor){NULL, 0};
}

static struct cursor read_octets(const struct world *world, unsigned connection, const char *ending)
{
    char name[32];
    size_t length;
    snprintf(name, sizeof name, "wire/%04u.%s", connection, ending);
    char *octets = world_read(world, name, &length);
    return (struct cursor){(const uint8_t *)octets, length};
}

static unsigned compare_wire(const struct world *world)
{
    unsigned pairs = 0;
    for (unsigned connection = 1;; connection++) {
        struct cursor sent = read_octets(world, connection, "c2s");
        struct cursor received = read_octets(world, connection, "s2c");
        struct cursor from_client = sent;
        struct cursor from_server = received;
        struct cursor first = find_message(&from_client, CLIENT_HELLO);
        struct cursor second = find_message(&from_client, CLIENT_HELLO);
        if (second.left > 0) {
            compare("on the wire", first, second, find_message(&from_server, SERVER_HELLO));
            pairs++;
        }
        bool end = sent.left == 0;
        free((void *)(size_t)sent.at);
        free((void *)(size_t)received.at);
        if (end) {
            return pairs;
        }
    }
}

static struct cursor octets_of(const json_t *hexadecimal)
{
    const char *text = json_string_value(hexadecimal);
    cr_assert_not_null(text);
    size_t length = strlen(text) / 2;
    uint8_t *octets = malloc(length + 1);
    cr_assert_not_null(octets);
    for (size_t i = 0; i < length; i++) {
        unsigned octet = 0;
        cr_assert_eq(sscanf(text + 2 * i, "%2x", &octet), 1);
        octets[i] = (uint8_t)octet;
    }
    return (struct cursor){octets, length};
}

static unsigned compare_log(const struct world *world)
{
    unsigned pairs = 0;
    char *rest = NULL;
    char *log = world_read(world, "server.log", NULL);
    for (char *line = strtok_r(log, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *handshake = json_loads(line, 0, NULL);
        const json_t *inner = json_object_get(handshake, "inner_hellos");
        if (json_array_size(inner) == 2) {
            struct cursor first = octets_of(json_array_get(inner, 0));
            struct cursor second = octets_of(json_array_get(inner, 1));
            struct cursor request = octets_of(json_object_get(handshake, "retry_request"));
            compare("decrypted", first, second, request);
            free((void *)(size_t)first.at);
            free((void *)(size_t)second.at);
            free((void *)(size_t)request.at);
            pairs++;
        }
        json_decref(handshake);
    }
    free(log);
    return pairs;
}

struct second_hellos world_compare_hellos(const struct world *world)
{
    return (struct second_hellos){.outer = compare_wire(world), .inner = compare_log(world)};
}
