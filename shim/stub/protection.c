/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/protected_names.h"
#include "shim/stub/stub.h"

/* context: a bool. */
static void see_resolver(void *context, const char *value)
{
    *(bool *)context = *(bool *)context || shim_names_want_protection(value);
}

bool stub_names_protected(void)
{
    static _Atomic int known = -1;
    int wanted = atomic_load_explicit(&known, memory_order_relaxed);
    if (wanted < 0) {
        bool found = false;
        stub_each_value(SHIM_CONF_RESOLVER, see_resolver, &found);
        wanted = found ? 1 : 0;
        atomic_store_explicit(&known, wanted, memory_order_relaxed);
    }
    return wanted != 0;
}

bool stub_name_is_protected(const char *host)
{
    return shim_names_want_protection(shim_conf_value(stub_conf(), SHIM_CONF_RESOLVER, host));
}
