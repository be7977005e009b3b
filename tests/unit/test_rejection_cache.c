/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the cache keeps of a rejection: for which connections, and how long (RFC 9849, 6.1.8). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/engine/config/rejection_cache.h"

#define LIST(text) bytes_of(text, sizeof(text) - 1)

enum { SECOND = 1000000 };

static const struct shim_rejection_source usual = {.host = "secret.example.org",
                                                   .port = 443,
                                                   .endpoint = "pool.example.org:443",
                                                   .ech_config_list = {(const uint8_t *)"list", 4}};

static enum shim_cached_rejection kind_at(const struct shim_rejection_source *source,
                                          uint64_t now_us)
{
    uint8_t *list = NULL;
    size_t length = 0;
    enum shim_cached_rejection kind = shim_rejection_cache_get(source, now_us, &list, &length);
    cr_assert_eq(list != NULL, kind == SHIM_CACHED_RETRY_CONFIGS);
    free(list);
    return kind;
}

static void says(const struct shim_rejection_source *source, uint64_t now_us, const char *expected)
{
    uint8_t *list = NULL;
    size_t length = 0;
    cr_assert_eq(shim_rejection_cache_get(source, now_us, &list, &length),
                 SHIM_CACHED_RETRY_CONFIGS);
    cr_assert(length == strlen(expected) && memcmp(list, expected, length) == 0);
    free(list);
}

Test(rejection_cache, ech_92_ech_93_bound_to_the_source)
{
    struct shim_rejection_source other = usual;
    shim_rejection_cache_put(&usual, LIST("configs"), 0, SECOND);
    says(&usual, 1, "configs");
    other.host = "SECRET.example.ORG";
    says(&other, 1, "configs");
    other.host = "other.example.org";
    cr_assert_eq(kind_at(&other, 1), SHIM_CACHED_NOTHING, "another name");
    other = usual;
    other.port = 8443;
    cr_assert_eq(kind_at(&other, 1), SHIM_CACHED_NOTHING, "another port");
    other = usual;
    other.endpoint = "pool.example.org:8443";
    cr_assert_eq(kind_at(&other, 1), SHIM_CACHED_NOTHING, "another endpoint with the same list");
    other = usual;
    other.ech_config_list = LIST("lisu");
    cr_assert_eq(kind_at(&other, 1), SHIM_CACHED_NOTHING, "another record of the same name");
    other.ech_config_list = LIST("list2");
    cr_assert_eq(kind_at(&other, 1), SHIM_CACHED_NOTHING, "another record of the same name");
}

/* Without a name the peer's address takes the endpoint's place; without both, nothing is known. */
Test(rejection_cache, ech_92_without_a_name_bound_to_the_address)
{
    struct shim_rejection_source nameless = usual;
    nameless.host = "";
    nameless.endpoint = "[192.0.2.1]:443";
    shim_rejection_cache_put(&nameless, LIST(""), 0, SECOND);
    cr_assert_eq(kind_at(&nameless, 1), SHIM_CACHED_DISABLED);
    nameless.endpoint = "[192.0.2.2]:443";
    cr_assert_eq(kind_at(&nameless, 1), SHIM_CACHED_NOTHING, "another address");
    nameless.endpoint = "";
    shim_rejection_cache_put(&nameless, LIST(""), 0, SECOND);
    cr_assert_eq(kind_at(&nameless, 1), SHIM_CACHED_NOTHING, "an unknown peer");
}

/* "The others know nothing" is forgotten in time, and never stands before what this process knows.
 */
Test(rejection_cache, what_others_do_not_know)
{
    shim_rejection_cache_put_not_shared(&usual, 0, SECOND);
    cr_assert_eq(kind_at(&usual, 1), SHIM_CACHED_NOT_SHARED);
    cr_assert_eq(kind_at(&usual, SECOND), SHIM_CACHED_NOTHING);
    shim_rejection_cache_put(&usual, LIST("configs"), 0, SECOND);
    shim_rejection_cache_put_not_shared(&usual, 1, SECOND);
    says(&usual, 2, "configs");
    shim_rejection_cache_put_not_shared(&usual, SECOND, SECOND);
    cr_assert_eq(kind_at(&usual, SECOND), SHIM_CACHED_NOT_SHARED);
    shim_rejection_cache_put(&usual, LIST(""), SECOND, SECOND);
    cr_assert_eq(kind_at(&usual, SECOND), SHIM_CACHED_DISABLED);
}

Test(rejection_cache, ech_93_two_records_of_one_name_do_not_mix)
{
    struct shim_rejection_source second = usual;
    second.ech_config_list = LIST("second list");
    shim_rejection_cache_put(&usual, LIST("first"), 0, SECOND);
    shim_rejection_cache_put(&second, LIST(""), 0, SECOND);
    says(&usual, 1, "first");
    cr_assert_eq(kind_at(&second, 1), SHIM_CACHED_DISABLED);
}

Test(rejection_cache, ech_94_ends_with_its_time)
{
    shim_rejection_cache_put(&usual, LIST("configs"), 5, SECOND);
    says(&usual, SECOND + 4, "configs");
    cr_assert_eq(kind_at(&usual, SECOND + 5), SHIM_CACHED_NOTHING);
    /* It does not come back if the clock goes back. */
    cr_assert_eq(kind_at(&usual, 6), SHIM_CACHED_NOTHING);
    shim_rejection_cache_put(&usual, LIST("configs"), 5, 0);
    cr_assert_eq(kind_at(&usual, 5), SHIM_CACHED_NOTHING);
}

Test(rejection_cache, the_last_word_counts)
{
    shim_rejection_cache_put(&usual, LIST("configs"), 0, SECOND);
    shim_rejection_cache_put(&usual, LIST(""), 1, SECOND);
    cr_assert_eq(kind_at(&usual, 2), SHIM_CACHED_DISABLED);
    shim_rejection_cache_put(&usual, LIST("newer"), 2, SECOND);
    says(&usual, 3, "newer");
}

Test(rejection_cache, nothing_makes_room_before_its_time)
{
    enum { HOSTS = 5000 };
    char host[32];
    struct shim_rejection_source source = usual;
    source.host = host;
    for (unsigned i = 0; i < HOSTS; i++) {
        snprintf(host, sizeof host, "host%u.example", i);
        shim_rejection_cache_put(&source, LIST("configs"), i, SECOND);
    }
    for (unsigned i = 0; i < HOSTS; i++) {
        snprintf(host, sizeof host, "HOST%u.example.", i);
        cr_assert_eq(kind_at(&source, 100), SHIM_CACHED_RETRY_CONFIGS, "%s", host);
        cr_assert_eq(kind_at(&source, i + SECOND), SHIM_CACHED_NOTHING, "%s", host);
    }
}
