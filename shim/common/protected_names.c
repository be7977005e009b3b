/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/protected_names.h"

#include <stddef.h>
#include <string.h>

bool shim_names_want_protection(const char *resolver)
{
    return resolver != NULL && *resolver != '\0' && strcmp(resolver, "system") != 0 &&
           strncmp(resolver, "udp://", 6) != 0 && strncmp(resolver, "tcp://", 6) != 0;
}
