/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/base/random.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <unistd.h>

#include "shim/engine/base/wiped_memory.h"
#include "shim/engine/base/x25519.h"

/* True in the process for which GnuTLS's state is. NULL: no such memory, and the pid tells. */
static atomic_bool *ours;
static _Atomic pid_t our_pid;

void shim_random_start(void)
{
    ours = shim_wiped_memory(sizeof *ours);
    shim_random_child();
}

void shim_random_child(void)
{
    if (ours != NULL) {
        atomic_store(ours, true);
    } else {
        atomic_store(&our_pid, getpid());
    }
}

static bool state_is_ours(void)
{
    return ours != NULL ? atomic_load_explicit(ours, memory_order_relaxed)
                        : atomic_load_explicit(&our_pid, memory_order_relaxed) == getpid();
}

static enum ech_status fill_by_kernel(uint8_t *out, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(out, len, 0);
        if (got < 0 && errno != EINTR) {
            return ECH_ERR_CRYPTO;
        }
        if (got > 0) {
            out += got;
            len -= (size_t)got;
        }
    }
    return ECH_OK;
}

static enum ech_status fill(void *context, uint8_t *out, size_t len)
{
    (void)context;
    if (!state_is_ours()) {
        return fill_by_kernel(out, len);
    }
    return gnutls_rnd(GNUTLS_RND_KEY, out, len) == GNUTLS_E_SUCCESS ? ECH_OK : ECH_ERR_CRYPTO;
}

struct ech_random shim_random(void)
{
    return (struct ech_random){.fill = fill, .x25519 = shim_x25519()};
}

struct ech_random shim_random_in_advance(void)
{
    return (struct ech_random){.fill = fill, .x25519 = shim_x25519_chosen()};
}

struct ech_random shim_random_octets(void)
{
    return (struct ech_random){.fill = fill};
}

uint32_t shim_random_number(void)
{
    uint32_t number = 0;
    (void)gnutls_rnd(GNUTLS_RND_NONCE, &number, sizeof number); /* a poor number does no harm */
    return number;
}
