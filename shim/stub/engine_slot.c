/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/stub.h"

static _Atomic(const struct shim_engine *) loaded;
static atomic_bool failed;

void stub_engine_set(const struct shim_engine *engine)
{
    if (engine != NULL) {
        atomic_store_explicit(&loaded, engine, memory_order_release);
    }
    atomic_store(&failed, engine == NULL);
}

const struct shim_engine *stub_engine_if_loaded(void)
{
    return !stub_inside() ? atomic_load_explicit(&loaded, memory_order_acquire) : NULL;
}

bool stub_engine_missing(void)
{
    return !stub_inside() && atomic_load_explicit(&failed, memory_order_relaxed);
}
