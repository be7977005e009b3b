/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Private to the GnuTLS adapter: the functions of the application's libgnutls and the state of one client session.
 */
#ifndef SHIM_GNUTLS_H
#define SHIM_GNUTLS_H

#include <gnutls/gnutls.h>

#include "shim/abi.h"
#include "shim/session.h"

/* What we call of the application's libgnutls: never by linkage, for some of these are the stub's hooks. */
#define SHIM_GNUTLS_FUNCTIONS(F)                                                                   \
    F(gnutls_deinit)                                                                               \
    F(gnutls_ext_get_current_msg)                                                                  \
    F(gnutls_handshake)                                                                            \
    F(gnutls_handshake_set_read_function)                                                          \
    F(gnutls_init)                                                                                 \
    F(gnutls_priority_deinit)                                                                      \
    F(gnutls_priority_init)                                                                        \
    F(gnutls_priority_init2)                                                                       \
    F(gnutls_priority_protocol_list)                                                               \
    F(gnutls_priority_set)                                                                         \
    F(gnutls_priority_set_direct)                                                                  \
    F(gnutls_server_name_set)                                                                      \
    F(gnutls_session_ext_register)                                                                 \
    F(gnutls_session_get_data2)                                                                    \
    F(gnutls_session_set_data)                                                                     \
    F(gnutls_set_default_priority)                                                                 \
    F(gnutls_set_default_priority_append)                                                          \
    F(gnutls_system_recv_timeout)                                                                  \
    F(gnutls_transport_get_int2)                                                                   \
    F(gnutls_transport_get_ptr2)                                                                   \
    F(gnutls_transport_set_errno)                                                                  \
    F(gnutls_transport_set_pull_function)                                                          \
    F(gnutls_transport_set_pull_timeout_function)                                                  \
    F(gnutls_transport_set_push_function)                                                          \
    F(gnutls_transport_set_vec_push_function)                                                      \
    F(gnutls_buffer_append_data)
