/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gnutls/crypto.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "dns/cache_folder.h"
#include "dns/network.h"
#include "shim/common/hold.h"
#include "shim/engine/answer/answer.h"
#include "shim/engine/base/decompress.h"
#include "shim/engine/base/own_nettle.h"
#include "shim/engine/base/random.h"
#include "shim/engine/base/section.h"
#include "shim/engine/base/x25519.h"
#include "shim/engine/config/prefetch.h"
#include "shim/engine/config/prepared_senders.h"
#include "shim/engine/config/rejection_cache.h"
#include "shim/engine/endpoint/redirect.h"
#include "shim/engine/names/names.h"
#include "shim/engine/policy/downgrade.h"
#include "shim/engine/resolver/channel.h"
#include "shim/engine/session/library_sealing.h"
#include "shim/engine/session/local_key.h"
#include "shim/engine/session/program_keys.h"
#include "shim/engine/settings/list_file.h"
#include "shim/engine/sockets/own_socket.h"
#include "shim/engine/state/ldns.h"
#include "shim/engine/state/log.h"
#include "shim/engine/state/state.h"
#include "shim/engine/tls_adapter.h"

static struct dns_cache cache;
static struct dns_cache_folder folder;
static struct dns_resolver_health health = DNS_RESOLVER_HEALTH_INIT;
static struct shim_downgrade downgrade = SHIM_DOWNGRADE_INIT;
/* All connections to encrypted resolvers. Constant after the start. */
static struct engine_channel {
    const char *id; /* borrowed from the settings */
    struct dns_channel *channel;
} * channels;
static size_t channel_count;
static struct shim_engine engine = {.version = SHIM_ABI_VERSION};

static const struct shim_tls_adapter *const adapters[] = {
#define TLS_LIBRARY(family, name, ...) &shim_##name##_adapter,
#define TLS_UNSUPPORTED(...)
#define TLS_SONAME(...)
#include "shim/common/tls_libraries.def"
#undef TLS_LIBRARY
#undef TLS_UNSUPPORTED
#undef TLS_SONAME
};
enum { ADAPTERS = sizeof adapters / sizeof adapters[0] };

/* ---- waiting for another thread ---- */

struct wait {
    _Atomic uint32_t *word;
    uint32_t value;
    uint64_t timeout_us;
};

/* Not a condition variable: that would keep a record of a waiter that never comes back. */
static void wait_at_word(void *context)
{
    const struct wait *wait = context;
    struct timespec timeout = {.tv_sec = (time_t)(wait->timeout_us / 1000000),
                               .tv_nsec = (long)(wait->timeout_us % 1000000) * 1000};
    (void)shim_state()->stub->futex(wait->word, FUTEX_WAIT_PRIVATE, wait->value, &timeout);
}

static void wake(_Atomic uint32_t *word)
{
    (void)shim_state()->stub->futex(word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL);
}

static bool wait_outside(_Atomic uint32_t *word, uint32_t value, uint64_t timeout_us)
{
    struct wait wait = {.word = word, .value = value, .timeout_us = timeout_us};
    return shim_section_outside(wait_at_word, &wait);
}

/* Not by linkage, which would give the stub's hooks. */
static const struct dns_io io = {
    .socket = shim_own_socket,
    .connect = shim_own_connect_resolver,
    .send = shim_own_send,
    .recv = shim_own_recv,
    .poll = shim_own_poll,
    .wait = wait_outside,
    .wake = wake,
    .close = shim_own_close,
    .now_us = dns_io_now_us,
    .random = dns_io_random,
};

/* ---- the start ---- */

static void tell_problem(void *context, const char *text)
{
    (void)context;
    shim_log_setting_problem(text);
}

static void start_cache(uint64_t seed)
{
    dns_cache_init(&cache, seed);
    cache.network = dns_network_id;
    const struct shim_settings *settings = &shim_state()->settings;
    if (settings->cache == NULL) {
        return;
    }
    dns_cache_folder_init(&folder, settings->cache, io.random);
    const char *problem = dns_cache_folder_problem(&folder);
    if (problem == NULL) {
        cache.folder = &folder;
    } else {
        shim_log(settings, SHIM_LOG_WARN, "ECHSHIM_CACHE: \"%s\" is not used: %s", settings->cache,
                 problem);
    }
}

/* Calls act for each channel, once: several lists may share it. */
static void for_each_channel(void (*act)(struct dns_channel *channel))
{
    for (size_t i = 0; i < channel_count; i++) {
        act(channels[i].channel);
    }
}

/* A resolver has one connection, however many lists and hosts name it. NULL: no memory. */
static struct dns_channel *channel_of(const struct dns_secure_server *server)
{
    for (size_t i = 0; i < channel_count; i++) {
        if (strcmp(channels[i].id, server->id) == 0) {
            return channels[i].channel;
        }
    }
    struct engine_channel *grown = reallocarray(channels, channel_count + 1, sizeof *grown);
    if (grown == NULL) {
        return NULL;
    }
    channels = grown;
    struct dns_channel *channel = shim_resolver_channel(server, shim_state()->stub, &io);
    if (channel != NULL) {
        channels[channel_count++] = (struct engine_channel){.id = server->id, .channel = channel};
    }
    return channel;
}

static void start_lookup(const struct shim_resolver_setting *setting, struct dns_lookup *lookup)
{
    *lookup = (struct dns_lookup){
        .resolver = &setting->resolver,
        .io = &io,
        .cache = &cache,
        .health = &health,
        .timeout_us = (uint64_t)shim_state()->settings.timeout_ms * 1000,
    };
    const struct dns_resolver *resolver = &setting->resolver;
    for (size_t i = 0; setting->usable && i < resolver->secure_count; i++) {
        lookup->channels.each[i] = channel_of(&resolver->secure[i]);
        lookup->channels.count = i + 1;
    }
}

/* Held from before a fork until after it: no handler may jump out while all locks are held. */
static __thread struct shim_hold fork_hold __attribute__((tls_model("initial-exec")));

static void before_fork(void)
{
    shim_hold_begin(&fork_hold);
    shim_section_before_fork();
    shim_prefetch_before_fork();
    for_each_channel(dns_channel_before_fork);
    for (size_t i = 0; i < ADAPTERS; i++) {
        adapters[i]->before_fork();
    }
    dns_cache_before_fork(&cache);
    dns_health_before_fork(&health);
    shim_rejection_cache_before_fork();
    shim_redirect_before_fork();
    shim_local_key_before_fork();
    shim_library_sealing_before_fork();
    shim_downgrade_before_fork(&downgrade);
    shim_list_files_before_fork();
}

static void give_locks_back(void)
{
    shim_list_files_after_fork();
    shim_downgrade_after_fork(&downgrade);
    shim_library_sealing_after_fork();
    shim_local_key_after_fork();
    shim_redirect_after_fork();
    shim_rejection_cache_after_fork();
    dns_health_after_fork(&health);
    dns_cache_after_fork(&cache);
    for (size_t i = ADAPTERS; i > 0; i--) {
        adapters[i - 1]->after_fork();
    }
    shim_prefetch_after_fork();
    shim_section_after_fork();
}

static void in_parent(void)
{
    give_locks_back();
    for_each_channel(dns_channel_after_fork_parent);
    shim_hold_end(&fork_hold);
}

static void in_child(void)
{
    for_each_channel(dns_channel_after_fork_child);
    shim_own_sockets_leave();
    shim_prefetch_leave();
    shim_random_child();
    shim_local_key_leave();
    shim_prepared_leave();
    give_locks_back();
    shim_hold_end(&fork_hold);
}

__attribute__((visibility("default"))) const struct shim_engine *
shim_engine_start(const struct shim_stub *stub)
{
    const struct shim_settings_problems problems = {.tell = tell_problem};
    struct shim_engine_state *state = shim_state_to_start();
    uint64_t seed;
    if (stub->version != SHIM_ABI_VERSION ||
        gnutls_rnd(GNUTLS_RND_NONCE, &seed, sizeof seed) != GNUTLS_E_SUCCESS) {
        return NULL;
    }
    state->stub = stub;
    shim_own_nettle_start(stub->dlsym);
    shim_hold_start(stub->locked, stub->handlers);
    shim_random_start();
    shim_x25519_start(stub->dlopen, stub->dlsym);
    shim_decompress_start(stub->dlopen, stub->dlsym);
    if (shim_settings_parse(&state->settings, stub->conf, &problems) != ECH_OK ||
        (state->lookups = calloc(state->settings.resolver_count, sizeof *state->lookups)) == NULL ||
        pthread_atfork(before_fork, in_parent, in_child) != 0) {
        free(state->lookups);
        shim_settings_free(&state->settings);
        return NULL;
    }
    shim_ldns_start();
    shim_prepared_start(io.now_us, stub->handlers);
    start_cache(seed);
    state->io = &io;
    for (size_t i = 0; i < state->settings.resolver_count; i++) {
        start_lookup(&state->settings.resolvers[i], &state->lookups[i]);
    }
    state->downgrade = &downgrade;
    shim_names_start();
    engine.getaddrinfo = shim_names_getaddrinfo;
    engine.name_asked = shim_names_asked;
    engine.connecting = shim_prepared_connecting;
    engine.hello_leaves = shim_redirect_hello_leaves;
    engine.key_made = shim_program_key_made;
    engine.hpke_begins = shim_hpke_begins;
    engine.hpke_sealed = shim_hpke_sealed;
    engine.give_config = shim_answer_give_config;
    engine.config_rejected = shim_answer_config_rejected;
    engine.answer_query = shim_answer_query;
    for (size_t i = 0; i < ADAPTERS; i++) {
        adapters[i]->fill(&engine);
    }
    return &engine;
}
