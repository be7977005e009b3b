/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/stub.h"

static __thread bool inside __attribute__((tls_model("initial-exec")));

void stub_enter(struct stub_visit *entered)
{
    shim_hold_begin(&entered->hold);
    entered->before = inside;
    inside = true;
}

void stub_leave(const struct stub_visit *entered)
{
    inside = entered->before;
    shim_hold_end(&entered->hold);
}

bool stub_inside(void)
{
    return inside;
}

void stub_do_once(struct stub_once *once, void (*make)(void))
{
    struct shim_hold hold;
    if (!atomic_load_explicit(&once->done, memory_order_acquire)) {
        shim_hold_begin(&hold);
        (void)pthread_once(&once->once, make);
        atomic_store_explicit(&once->done, true, memory_order_release);
        shim_hold_end(&hold);
    }
}

void stub_do_again(struct stub_once *once)
{
    static const pthread_once_t again = PTHREAD_ONCE_INIT;
    __atomic_store_n(&once->once, again, __ATOMIC_RELEASE);
    atomic_store_explicit(&once->done, false, memory_order_release);
}
