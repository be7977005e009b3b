/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the guard has to do, and the ports that it watches. */
#include <limits.h>
#include <stdatomic.h>

#include "shim/common/ports.h"
#include "shim/stub/guard.h"

_Atomic unsigned stub_guard_work = STUB_GUARD_SETTLE;

/* One bit a port. Bits are never cleared, so two threads may fill it at the same time. */
static _Atomic uint64_t watched[(UINT16_MAX + 1) / 64];

static bool watch_port(void *context, uint16_t port)
{
    (void)context;
    atomic_fetch_or_explicit(&watched[port / 64], UINT64_C(1) << port % 64, memory_order_relaxed);
    return true;
}

static void see_ports(void *context, const char *list)
{
    /* The engine reports a part of the list that cannot be read. */
    (void)shim_ports_parse(list, watch_port, context);
}

bool stub_port_watched(uint16_t port)
{
    return (atomic_load_explicit(&watched[port / 64], memory_order_relaxed) >> port % 64 & 1) != 0;
}

void stub_ports_settle(void)
{
    stub_each_value(SHIM_CONF_PORTS, see_ports, NULL);
}
