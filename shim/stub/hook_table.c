/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where our own hooks are. */
#include <aio.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/common/compat.h"
#include "shim/common/compat_tls.h"
#include "shim/stub/hooks_hpke.h"
#include "shim/stub/hooks_keys.h"
#include "shim/stub/hooks_nss_tls.h"
#include "shim/stub/hooks_own_ech.h"
#include "shim/stub/hooks_resolv.h"
#include "shim/stub/hooks_unsupported.h"
#include "shim/stub/hooks_write.h"

void *stub_hook_address(enum shim_hook hook)
{
    static void *const addresses[SHIM_HOOK_COUNT] = {
#define HOOK(name, family) [SHIM_HOOK_##name] = (void *)(name),
#include "shim/common/hooks.def"
#undef HOOK
    };
    return addresses[hook];
}

void *stub_hook_direct(enum shim_hook hook)
{
    static void *const addresses[SHIM_HOOK_COUNT] = {
#define ADDRESS(name) [SHIM_HOOK_##name] = (void *)(stub_direct_##name),
        STUB_DIRECT_HOOKS(ADDRESS)
#undef ADDRESS
    };
    return addresses[hook];
}
