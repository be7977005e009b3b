/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/session/local_key.h"

#include "shim/engine/base/lock.h"
#include "shim/engine/base/random.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct ech_local_key key_of_process;
static bool made;

bool shim_local_key_copy(struct ech_local_key *key)
{
    const struct ech_random random = shim_random_octets();
    struct shim_hold hold;
    shim_lock(&mutex, &hold);
    made = made || ech_local_key_generate(&random, &key_of_process) == ECH_OK;
    bool copied = made;
    if (copied) {
        *key = key_of_process;
    }
    shim_unlock(&mutex, &hold);
    return copied;
}

void shim_local_key_before_fork(void)
{
    (void)pthread_mutex_lock(&mutex);
}

void shim_local_key_after_fork(void)
{
    (void)pthread_mutex_unlock(&mutex);
}

void shim_local_key_leave(void)
{
    ech_local_key_wipe(&key_of_process);
    made = false;
}
