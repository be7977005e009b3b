/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/session/library_sealing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim/engine/base/lock.h"

/* RFC 9849, 6.1: info is "tls ech" || 0x00 || ECHConfig. */
static const uint8_t prefix[] = {'t', 'l', 's', ' ', 'e', 'c', 'h', 0};

/* Those whose watch is open, by the number of its place (program_keys.h). The mutex also guards
 * what they hold: a thread that left its watch may come while another one ends the session. */
enum { PLACES = 64 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct shim_library_sealing *open_ones[PLACES];

static struct shim_library_sealing **place_of(uint64_t watch)
{
    return &open_ones[watch % PLACES];
}

/* NULL: the watch is over, or nothing is to be seen. */
static struct shim_library_sealing *find(uint64_t watch)
{
    struct shim_library_sealing *sealing = *place_of(watch);
    return sealing != NULL && sealing->watch == watch ? sealing : NULL;
}

/* ---- of one session ---- */

bool shim_library_sealing_possible(const struct ech_config_choice *choice)
{
    const struct ech_hpke_suite local = ech_local_suite();
    const struct ech_hpke_suite suite = choice->suite;
    return suite.kem_id == local.kem_id && suite.kdf_id == local.kdf_id &&
           suite.aead_id == local.aead_id &&
           choice->config.public_key.len == sizeof((struct shim_hpke_recipient *)0)->public_key &&
           sizeof prefix + choice->config.raw.len <= sizeof((struct shim_hpke_recipient *)0)->info;
}

struct shim_library_sealing *shim_library_sealing_new(struct bytes local_list,
                                                      const struct ech_config_choice *choice)
{
    struct reader list = rd_of(local_list);
    struct reader local;
    struct reader public_key = rd_of(choice->config.public_key);
    struct shim_library_sealing *sealing = calloc(1, sizeof *sealing);
    if (sealing == NULL) {
        return NULL;
    }
    wr_init(&sealing->local, 0);
    wr_init(&sealing->ech_config, 0);
    wr_init(&sealing->payload, 0);
    wr_init(&sealing->encoded, 0);
    wr_bytes(&sealing->ech_config, choice->config.raw);
    if (rd_vec16(&list, &local)) {
        wr_bytes(&sealing->local, rd_rest(&local));
    }
    if (wr_finish(&sealing->ech_config) != ECH_OK || wr_finish(&sealing->local) != ECH_OK ||
        !rd_copy(&public_key, sealing->public_key, sizeof sealing->public_key)) {
        shim_library_sealing_free(sealing);
        return NULL;
    }
    return sealing;
}

void shim_library_sealing_open(struct shim_library_sealing *sealing, uint64_t watch)
{
    struct shim_hold hold;
    shim_library_sealing_close(sealing);
    if (sealing == NULL || watch == 0 ||
        (wr_view(&sealing->local).len == 0 && sealing->context == NULL)) {
        return;
    }
    shim_lock(&mutex, &hold);
    sealing->watch = watch;
    *place_of(watch) = sealing;
    shim_unlock(&mutex, &hold);
}

void shim_library_sealing_close(struct shim_library_sealing *sealing)
{
    struct shim_hold hold;
    if (sealing == NULL || sealing->watch == 0) {
        return;
    }
    shim_lock(&mutex, &hold);
    if (find(sealing->watch) == sealing) {
        *place_of(sealing->watch) = NULL;
    }
    sealing->watch = 0;
    shim_unlock(&mutex, &hold);
}

void shim_library_sealing_tell(struct shim_library_sealing *sealing, struct ech_exchange *exchange)
{
    shim_library_sealing_close(sealing);
    if (sealing != NULL && wr_view(&sealing->payload).len > 0) {
        const struct ech_seen_sealing seen = {.ech_config = wr_view(&sealing->ech_config),
                                              .payload = wr_view(&sealing->payload),
                                              .encoded_client_hello_inner =
                                                  wr_view(&sealing->encoded)};
        ech_exchange_library_sealed(exchange, &seen);
        wr_wipe(&sealing->payload);
        wr_wipe(&sealing->encoded);
        wr_wipe(&sealing->local); /* a handshake has one sender */
    }
}

bool shim_library_sealing_goes_on(const struct shim_library_sealing *sealing)
{
    return sealing != NULL && sealing->context != NULL;
}

void shim_library_sealing_free(struct shim_library_sealing *sealing)
{
    if (sealing != NULL) {
        shim_library_sealing_close(sealing);
        wr_wipe(&sealing->local);
        wr_wipe(&sealing->ech_config);
        wr_wipe(&sealing->payload);
        wr_wipe(&sealing->encoded);
        free(sealing);
    }
}

/* ---- what the stub tells ---- */

static bool is_info_of(const struct shim_hpke_setup *setup, struct bytes ech_config)
{
    struct reader info = rd_of(bytes_of(setup->info, setup->info_length));
    struct bytes first;
    return rd_bytes(&info, sizeof prefix, &first) &&
           bytes_equal(first, bytes_of(prefix, sizeof prefix)) &&
           bytes_equal(rd_rest(&info), ech_config);
}

static bool replace(struct shim_library_sealing *sealing, const struct shim_hpke_setup *setup,
                    struct shim_hpke_recipient *recipient)
{
    struct reader ech_config = rd_of(wr_view(&sealing->ech_config));
    if (!is_info_of(setup, wr_view(&sealing->local))) {
        return false;
    }
    memcpy(recipient->public_key, sealing->public_key, sizeof recipient->public_key);
    memcpy(recipient->info, prefix, sizeof prefix);
    recipient->info_length = sizeof prefix + ech_config.len;
    if (recipient->info_length > sizeof recipient->info ||
        !rd_copy(&ech_config, recipient->info + sizeof prefix, ech_config.len)) {
        return false;
    }
    sealing->context = setup->context;
    return true;
}

bool shim_hpke_begins(uint64_t watch, const struct shim_hpke_setup *setup,
                      struct shim_hpke_recipient *recipient)
{
    struct shim_hold hold;
    int saved = errno;
    shim_lock(&mutex, &hold);
    struct shim_library_sealing *sealing = find(watch);
    bool replaced = sealing != NULL && replace(sealing, setup, recipient);
    shim_unlock(&mutex, &hold);
    errno = saved;
    return replaced;
}

void shim_hpke_sealed(uint64_t watch, const struct shim_hpke_sealing *seen)
{
    struct shim_hold hold;
    int saved = errno;
    shim_lock(&mutex, &hold);
    struct shim_library_sealing *sealing = find(watch);
    if (sealing != NULL && sealing->context != NULL && sealing->context == seen->context) {
        wr_wipe(&sealing->payload);
        wr_wipe(&sealing->encoded);
        wr_bytes(&sealing->payload, bytes_of(seen->ciphertext, seen->ciphertext_length));
        wr_bytes(&sealing->encoded, bytes_of(seen->plaintext, seen->plaintext_length));
    }
    shim_unlock(&mutex, &hold);
    errno = saved;
}

/* ---- forks ---- */

void shim_library_sealing_before_fork(void)
{
    (void)pthread_mutex_lock(&mutex);
}

void shim_library_sealing_after_fork(void)
{
    (void)pthread_mutex_unlock(&mutex);
}
