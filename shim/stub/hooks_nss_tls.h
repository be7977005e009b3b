/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The functions of NSS, Mozilla's TLS library, that we export. Its headers are not needed to build
 * (shim/common/nspr.h).
 */
#ifndef SHIM_STUB_HOOKS_NSS_TLS_H
#define SHIM_STUB_HOOKS_NSS_TLS_H

#include "shim/common/nspr.h"
#include "shim/stub/stub.h"

SHIM_EXPORT struct nspr_file *SSL_ImportFD(struct nspr_file *model, struct nspr_file *fd);
SHIM_EXPORT struct nspr_file *SSL_ReconfigFD(struct nspr_file *model, struct nspr_file *fd);
SHIM_EXPORT int SSL_ResetHandshake(struct nspr_file *fd, int as_server);
SHIM_EXPORT void *SSL_GetExperimentalAPI(const char *name);

#endif
