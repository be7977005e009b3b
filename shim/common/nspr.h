/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What we use of NSPR's and NSS's binary interface, which has not changed since NSPR 4.0. Not by
 * their headers: only programs that use NSS have these, and they are in a folder of another name
 * on each system. tests/unit/test_nspr.c compares this file with the headers.
 */
#ifndef SHIM_COMMON_NSPR_H
#define SHIM_COMMON_NSPR_H

#include <stddef.h>
#include <stdint.h>

struct nspr_address; /* PRNetAddr */

/* PRFileDesc: one layer of a stack. Programs hold the top of the stack, and a layer that is pushed
 * there changes places with it. So the address of a layer may change, and its `secret` tells it. */
struct nspr_file {
    const struct nspr_methods *methods;
    void *secret;
    struct nspr_file *lower;
    struct nspr_file *higher;
    void (*destroy)(struct nspr_file *file);
    int identity;
};

/* PRIOMethods. The ones that we do not touch are only pointers here. */
struct nspr_methods {
    int file_type;
    int (*close)(struct nspr_file *file);
    int32_t (*read)(struct nspr_file *file, void *out, int32_t size);
    int32_t (*write)(struct nspr_file *file, const void *data, int32_t length);
    void (*untouched_1[9])(void); /* available to connect */
    struct nspr_file *(*accept)(struct nspr_file *file, struct nspr_address *address,
                                uint32_t timeout);
    void (*untouched_2[3])(void); /* bind, listen, shutdown */
    int32_t (*recv)(struct nspr_file *file, void *out, int32_t size, int flags, uint32_t timeout);
    int32_t (*send)(struct nspr_file *file, const void *data, int32_t length, int flags,
                    uint32_t timeout);
    void (*untouched_3[2])(void); /* recvfrom, sendto */
    int16_t (*poll)(struct nspr_file *file, int16_t asked, int16_t *ready);
    int32_t (*acceptread)(struct nspr_file *file, struct nspr_file **accepted,
                          struct nspr_address **address, void *out, int32_t size, uint32_t timeout);
    void (*untouched_4[2])(void); /* transmitfile, getsockname */
    int (*getpeername)(struct nspr_file *file, struct nspr_address *address);
    void (*untouched_5[10])(void); /* to the end */
};

enum {
    NSPR_SUCCESS = 0, /* SECStatus has the same two values */
    NSPR_FAILURE = -1,

    NSPR_TOP_LAYER = -2,

    NSPR_POLL_READ = 1,
    NSPR_POLL_WRITE = 2,
    NSPR_MSG_PEEK = 2,

    NSPR_WOULD_BLOCK_ERROR = -5998,
    NSPR_PENDING_INTERRUPT_ERROR = -5993,
    NSPR_IO_TIMEOUT_ERROR = -5990,
};
#define NSPR_NO_TIMEOUT UINT32_MAX

enum {
    NSS_OPTION_SECURITY = 1,
    NSS_OPTION_HANDSHAKE_AS_SERVER = 6,
    NSS_TLS13 = 0x304,
    NSS_ECH_REQUIRED_ALERT = -0x3000 + 191,
};

/* SSLVersionRange */
struct nss_version_range {
    uint16_t min;
    uint16_t max;
};

#endif
