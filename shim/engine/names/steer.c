/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/names/steer.h"

#include <string.h>

#include "dns/host_name.h"

/* NULL, the name's own addresses, for the target "." and for the name itself. */
static const char *target_of(const struct dns_endpoint *endpoint, const char *host)
{
    bool own = endpoint->target_is_owner || dns_host_equal(endpoint->target, host);
    return own ? NULL : endpoint->target;
}

static bool is_in(const char *const *targets, size_t count, const char *target)
{
    for (size_t i = 0; i < count; i++) {
        if (target == targets[i] ||
            (target != NULL && targets[i] != NULL && dns_host_equal(target, targets[i]))) {
            return true;
        }
    }
    return false;
}

size_t shim_steer_targets(const struct dns_endpoints *answer, const char *host, uint16_t port,
                          const char *targets[SHIM_STEER_MAX])
{
    size_t count = 0;
    bool any_ech = false;
    if (answer->result != DNS_FOUND) {
        return 0;
    }
    for (size_t i = 0; i < answer->count && count < SHIM_STEER_MAX; i++) {
        const struct dns_endpoint *endpoint = &answer->endpoints[i];
        const char *target = target_of(endpoint, host);
        any_ech = any_ech || endpoint->ech_config_list.len > 0;
        if (endpoint->port == port && !is_in(targets, count, target)) {
            targets[count++] = target;
        }
    }
    bool changes = count > 1 || (count == 1 && targets[0] != NULL);
    if (!any_ech || !changes) {
        return 0; /* endpoints without ECH are not our business */
    }
    /* RFC 9848, 5.1: if all endpoints have ech, do not fall back to the name's own addresses. */
    if (!answer->all_have_ech && count < SHIM_STEER_MAX && !is_in(targets, count, NULL)) {
        targets[count++] = NULL;
    }
    return count;
}
