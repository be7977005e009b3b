/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/session/outer_name.h"

#include <string.h>

#include "shim/engine/state/log.h"

struct bytes shim_session_outer_name(const struct shim_session *session)
{
    const char *name = session->host_settings.outer_name;
    if (name == NULL ||
        dns_host_equal_octets(name, strlen(name), session->host, strlen(session->host))) {
        return bytes_of(NULL, 0);
    }
    return bytes_of(name, strlen(name));
}

void shim_session_warn_of_outer_name(void)
{
    static atomic_flag warned = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&warned)) {
        shim_log(&shim_state()->settings, SHIM_LOG_WARN,
                 "outer_name is set: a server may refuse a hello whose outer name is not its "
                 "public_name, and if it rejects ECH, its certificate has to be for both names");
    }
}
