/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a program says first to the relay. The answer may change only while more octets are awaited;
 * what follows a whole ClientHello changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/relay/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 64 };

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool same(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void check_contents(const struct relay_hello *hello)
{
    const uint8_t *end = hello->alpn_octets + sizeof hello->alpn_octets;
    require(memchr(hello->name, '\0', sizeof hello->name) != NULL);
    for (const char *at = hello->name; *at != '\0'; at++) {
        require(*at < 'A' || *at > 'Z');
    }
    require(hello->alpn_count <= RELAY_ALPN_MAX);
    for (size_t i = 0; i < hello->alpn_count; i++) {
        struct bytes name = hello->alpn[i];
        require(name.len > 0 && name.data >= hello->alpn_octets && name.len <= 255 &&
                name.data + name.len <= end);
    }
}

static void check_same(const struct relay_hello *a, const struct relay_hello *b)
{
    require(strcmp(a->name, b->name) == 0 && a->alpn_count == b->alpn_count);
    for (size_t i = 0; i < a->alpn_count; i++) {
        require(same(a->alpn[i], b->alpn[i]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct relay_hello whole;
    struct relay_hello part;
    enum relay_speech last = relay_hello_read(bytes_of(data, size), &whole);
    size_t step = size / STEPS + 1;
    if (last == RELAY_SPEECH_HELLO) {
        check_contents(&whole);
    }
    for (size_t length = 0; length < size; length += step) {
        /* A copy of its own, so that the sanitizer sees each octet beyond its end. */
        uint8_t *copy = malloc(length > 0 ? length : 1);
        require(copy != NULL);
        memcpy(copy, data, length);
        enum relay_speech speech = relay_hello_read(bytes_of(copy, length), &part);
        free(copy);
        require(speech == RELAY_SPEECH_MORE || speech == last);
        if (speech == RELAY_SPEECH_HELLO) {
            check_same(&part, &whole);
        }
    }
    return 0;
}
