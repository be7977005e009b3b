/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ech/status.h"

const char *ech_status_name(enum ech_status status)
{
    switch (status) {
    case ECH_OK:
        return "ok";
    case ECH_ERR_DECODE:
        return "decode";
    case ECH_ERR_ILLEGAL:
        return "illegal";
    case ECH_ERR_UNSUPPORTED:
        return "unsupported";
    case ECH_ERR_CRYPTO:
        return "crypto";
    case ECH_ERR_NOMEM:
        return "no_memory";
    case ECH_ERR_SPACE:
        return "space";
    }
    return "unknown";
}
