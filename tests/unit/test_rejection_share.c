/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* That ECH is disabled, told to other processes: for whom, in which network, and how long. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "shim/engine/config/rejection_share.h"
#include "tests/unit/folder_rig.h"

static struct dns_cache cache;
static uint64_t network;
static bool network_known;
static struct dns_lookup lookup;

static bool network_id(uint64_t *id)
{
    *id = network;
    return network_known;
}

static uint64_t now_us(void)
{
    return rig_time * 1000000;
}

static struct dns_io io;

static void setup(void)
{
    rig_setup();
    io.now_us = now_us;
    network = 5;
    network_known = true;
    dns_cache_init(&cache, 1);
    cache.folder = &rig_folder;
    cache.network = network_id;
    lookup = (struct dns_lookup){.io = &io, .cache = &cache};
}

static void teardown(void)
{
    dns_cache_free(&cache);
    rig_teardown();
}

TestSuite(rejection_share, .init = setup, .fini = teardown);

static const struct shim_rejection_source usual = {.host = "secret.example.org",
                                                   .port = 443,
                                                   .endpoint = "pool.example.org:443",
                                                   .ech_config_list = {(const uint8_t *)"list", 4}};

Test(rejection_share, ech_92_bound_to_the_source)
{
    struct shim_rejection_source other = usual;
    cr_assert_eq(shim_rejection_share_get(&lookup, &usual), 0);
    shim_rejection_share_put(&lookup, &usual, 300);
    cr_assert_eq(shim_rejection_share_get(&lookup, &usual), 300);
    other.host = "SECRET.example.org";
    cr_assert_eq(shim_rejection_share_get(&lookup, &other), 300);
    other.host = "other.example.org";
    cr_assert_eq(shim_rejection_share_get(&lookup, &other), 0, "another name");
    other = usual;
    other.port = 8443;
    cr_assert_eq(shim_rejection_share_get(&lookup, &other), 0, "another port");
    other = usual;
    other.endpoint = "pool.example.org:8443";
    cr_assert_eq(shim_rejection_share_get(&lookup, &other), 0, "another endpoint");
    other = usual;
    other.ech_config_list = bytes_of("lisu", 4);
    cr_assert_eq(shim_rejection_share_get(&lookup, &other), 0, "another record");
}

/* The contents of endpoint and list do not run into each other. */
Test(rejection_share, what_it_is_bound_to_is_told_apart)
{
    struct shim_rejection_source other = usual;
    other.endpoint = "pool.example.org:443l";
    other.ech_config_list = bytes_of("ist", 3);
    shim_rejection_share_put(&lookup, &other, 300);
    cr_assert_eq(shim_rejection_share_get(&lookup, &usual), 0);
}

Test(rejection_share, ech_94_ends_with_the_record)
{
    shim_rejection_share_put(&lookup, &usual, 300);
    rig_time += 299;
    cr_assert_eq(shim_rejection_share_get(&lookup, &usual), 1);
    rig_time += 1;
    cr_assert_eq(shim_rejection_share_get(&lookup, &usual), 0);
    shim_rejection_share_put(&lookup, &usual, 0);
    cr_assert_eq(shim_rejection_share_get(&lookup, &usual), 0, "a record that may not be kept");
    shim_rejection_share_put(&lookup, &usual, 100000);
    cr_assert_eq(shim_rejection_share_get(&lookup, &usual), DNS_CACHE_NEGATIVE_TTL_MAX);
}

Test(rejection_share, another_network_knows_nothing)
{
    shim_rejection_share_put(&lookup, &usual, 300);
    network = 6;
    rig_time += 2; /* a process notices a new network within a second */
    cr_assert_eq(shim_rejection_share_get(&lookup, &usual), 0);
    network_known = false;
    rig_time += 2;
    cr_assert_eq(shim_rejection_share_get(&lookup, &usual), 0);
}

Test(rejection_share, without_a_name_or_a_folder_there_is_nothing)
{
    struct shim_rejection_source nameless = usual;
    nameless.host = "";
    nameless.endpoint = "[192.0.2.1]:443";
    shim_rejection_share_put(&lookup, &nameless, 300);
    cr_assert_eq(shim_rejection_share_get(&lookup, &nameless), 0);
    cache.folder = NULL;
    shim_rejection_share_put(&lookup, &usual, 300);
    cr_assert_eq(shim_rejection_share_get(&lookup, &usual), 0);
    lookup.cache = NULL;
    shim_rejection_share_put(&lookup, &usual, 300);
    cr_assert_eq(shim_rejection_share_get(&lookup, &usual), 0);
}

/* It is no answer to a question, and no answer is taken for it. */
Test(rejection_share, it_is_no_answer)
{
    shim_rejection_share_put(&lookup, &usual, 300);
    cr_assert_not(rig_has_named("secret.example.org"));
    rig_put_named("other.example.org", 60);
    struct shim_rejection_source other = usual;
    other.host = "other.example.org";
    cr_assert_eq(shim_rejection_share_get(&lookup, &other), 0);
}

/* An ECHConfigList whose only config is of a version that nobody knows. */
static const uint8_t list_octets[] = {0, 5, 0xfe, 0xfe, 0, 1, 7};
static const struct bytes fresh = {list_octets, sizeof list_octets};

static uint32_t get_list(const struct shim_rejection_source *source)
{
    uint8_t *list = NULL;
    size_t length = 0;
    uint32_t seconds = shim_rejection_share_get_list(&lookup, source, &list, &length);
    if (seconds > 0) {
        cr_assert(bytes_equal(bytes_of(list, length), fresh));
    }
    free(list);
    return seconds;
}

Test(rejection_share, a_list_is_bound_to_the_source)
{
    struct shim_rejection_source other = usual;
    cr_assert_eq(get_list(&usual), 0);
    shim_rejection_share_put_list(&lookup, &usual, fresh, 300);
    cr_assert_eq(get_list(&usual), 300);
    cr_assert_eq(shim_rejection_share_get(&lookup, &usual), 0, "it says that ECH is disabled");
    other.host = "other.example.org";
    cr_assert_eq(get_list(&other), 0, "another name");
    other = usual;
    other.port = 8443;
    cr_assert_eq(get_list(&other), 0, "another port");
    other = usual;
    other.ech_config_list = bytes_of("lisT", 4);
    cr_assert_eq(get_list(&other), 0, "another list");
    network = 6;
    rig_time += 2; /* a change is seen within a second */
    cr_assert_eq(get_list(&usual), 0, "another network");
    network = 5;
    rig_time += 2;
    cr_assert_eq(get_list(&usual), 296);
    rig_time += 296;
    cr_assert_eq(get_list(&usual), 0, "too old");
}
