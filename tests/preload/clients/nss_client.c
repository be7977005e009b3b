/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NSS as programs use it: one mode for each way to begin a handshake. Modes with other stacks of
 * layers are in nss_stacks.c. */
#include "nss_client.h"

#include <nspr.h>
#include <sslproto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- connections ---- */

static void find_address(const struct target *target, PRNetAddr *address)
{
    PRAddrInfo *found = PR_GetAddrInfoByName(target->host, PR_AF_UNSPEC, PR_AI_ADDRCONFIG);
    if (found == NULL ||
        PR_EnumerateAddrInfo(NULL, found, (PRUint16)atoi(target->port), address) == NULL) {
        fail_nss(target->host);
    }
    PR_FreeAddrInfo(found);
}

static void set_no_delay(PRFileDesc *file)
{
    PRSocketOptionData wanted = {.option = PR_SockOpt_NoDelay, .value.no_delay = PR_TRUE};
    (void)PR_SetSocketOption(file, &wanted);
}

PRFileDesc *dial_nspr(const struct target *target)
{
    PRNetAddr address;
    find_address(target, &address);
    PRFileDesc *file = PR_OpenTCPSocket(PR_AF_INET);
    if (file == NULL || PR_Connect(file, &address, PR_INTERVAL_NO_TIMEOUT) != PR_SUCCESS) {
        fail_nss("PR_Connect");
    }
    set_no_delay(file);
    return file;
}

void name_server(PRFileDesc *file, const struct target *target)
{
    if (SSL_SetURL(file, target->host) != 0) {
        fail_nss("SSL_SetURL");
    }
}

PRFileDesc *import_tls(PRFileDesc *model, PRFileDesc *file, const struct target *target)
{
    PRFileDesc *tls = SSL_ImportFD(model, file);
    if (tls == NULL || SSL_OptionSet(tls, SSL_SECURITY, PR_TRUE) != SECSuccess ||
        SSL_OptionSet(tls, SSL_HANDSHAKE_AS_CLIENT, PR_TRUE) != SECSuccess ||
        SSL_ResetHandshake(tls, PR_FALSE) != SECSuccess) {
        fail_nss("SSL_ImportFD");
    }
    name_server(tls, target);
    return tls;
}

void set_nonblocking(PRFileDesc *file)
{
    PRSocketOptionData wanted = {.option = PR_SockOpt_Nonblocking, .value.non_blocking = PR_TRUE};
    if (PR_SetSocketOption(file, &wanted) != PR_SUCCESS) {
        fail_nss("PR_SetSocketOption");
    }
}

/* ---- request and response ---- */

void send_request(PRFileDesc *file, const struct target *target)
{
    char request[512];
    PRInt32 length = (PRInt32)make_request(target, request, sizeof request);
    if (PR_Send(file, request, length, 0, PR_INTERVAL_NO_TIMEOUT) != length) {
        fail_nss("PR_Send");
    }
}

void read_response(PRFileDesc *file, const struct target *target)
{
    char chunk[1000];
    PRInt32 got;
    struct response response = {.len = 0};
    while ((got = PR_Recv(file, chunk, sizeof chunk, 0, PR_INTERVAL_NO_TIMEOUT)) > 0) {
        response_add(&response, chunk, (size_t)got);
    }
    if (got < 0) {
        fail_nss("PR_Recv");
    }
    response_check(&response, target);
}

static void wait_by_poll(PRFileDesc *file, PRInt16 flags)
{
    PRPollDesc wait = {.fd = file, .in_flags = flags};
    if (PR_Poll(&wait, 1, PR_SecondsToInterval(20)) != 1 || (wait.out_flags & flags) == 0) {
        fail_nss("PR_Poll");
    }
}

void send_request_polling(PRFileDesc *file, const struct target *target)
{
    char request[512];
    PRInt32 length = (PRInt32)make_request(target, request, sizeof request);
    PRInt32 sent = 0;
    while (sent < length) {
        PRInt32 part = PR_Send(file, request + sent, length - sent, 0, PR_INTERVAL_NO_WAIT);
        if (part < 0 && PR_GetError() != PR_WOULD_BLOCK_ERROR) {
            fail_nss("PR_Send");
        }
        if (part < 0) {
            wait_by_poll(file, PR_POLL_WRITE);
        } else {
            sent += part;
        }
    }
}

void read_response_polling(PRFileDesc *file, const struct target *target)
{
    char chunk[1000];
    PRInt32 got;
    struct response response = {.len = 0};
    do {
        got = PR_Recv(file, chunk, sizeof chunk, 0, PR_INTERVAL_NO_WAIT);
        if (got < 0 && PR_GetError() != PR_WOULD_BLOCK_ERROR) {
            fail_nss("PR_Recv");
        }
        if (got < 0) {
            wait_by_poll(file, PR_POLL_READ);
        } else {
            response_add(&response, chunk, (size_t)got);
        }
    } while (got != 0);
    response_check(&response, target);
}

void fetch_plainly(const struct target *target)
{
    PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
    send_request(file, target);
    read_response(file, target);
    PR_Close(file);
}

/* ---- the ways to begin a handshake ---- */

static void run_write(const struct target *target)
{
    char request[512];
    char chunk[1000];
    PRInt32 got;
    struct response response = {.len = 0};
    PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
    PRInt32 length = (PRInt32)make_request(target, request, sizeof request);
    if (PR_Write(file, request, length) != length) {
        fail_nss("PR_Write");
    }
    while ((got = PR_Read(file, chunk, sizeof chunk)) > 0) {
        response_add(&response, chunk, (size_t)got);
    }
    response_check(&response, target);
    PR_Close(file);
}

static void run_writev(const struct target *target)
{
    char request[512];
    PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
    int length = (int)make_request(target, request, sizeof request);
    PRIOVec parts[2] = {{request, 10}, {request + 10, length - 10}};
    if (PR_Writev(file, parts, 2, PR_INTERVAL_NO_TIMEOUT) != length) {
        fail_nss("PR_Writev");
    }
    read_response(file, target);
    PR_Close(file);
}

static void run_force(const struct target *target)
{
    PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
    if (SSL_ForceHandshake(file) != SECSuccess) {
        fail_nss("SSL_ForceHandshake");
    }
    send_request(file, target);
    read_response(file, target);
    PR_Close(file);
}

static void run_force_timeout(const struct target *target)
{
    PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
    if (SSL_ForceHandshakeWithTimeout(file, PR_SecondsToInterval(20)) != SECSuccess) {
        fail_nss("SSL_ForceHandshakeWithTimeout");
    }
    send_request(file, target);
    read_response(file, target);
    PR_Close(file);
}

/* The first call reads, and finds nothing in time. The handshake is over by then. */
static void run_read_first(const struct target *target)
{
    char chunk[10];
    PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
    if (PR_Recv(file, chunk, sizeof chunk, 0, PR_MillisecondsToInterval(700)) != -1 ||
        PR_GetError() != PR_IO_TIMEOUT_ERROR) {
        fail_nss("PR_Recv");
    }
    send_request(file, target);
    read_response(file, target);
    PR_Close(file);
}

/* TLS lies on the socket before the connection is there. */
static PRFileDesc *connect_later(const struct target *target)
{
    PRNetAddr address;
    find_address(target, &address);
    PRFileDesc *file = PR_OpenTCPSocket(PR_AF_INET);
    set_nonblocking(file);
    set_no_delay(file);
    file = SSL_ImportFD(NULL, file);
    name_server(file, target);
    if (PR_Connect(file, &address, PR_INTERVAL_NO_WAIT) != PR_SUCCESS &&
        PR_GetError() != PR_IN_PROGRESS_ERROR) {
        fail_nss("PR_Connect");
    }
    PRPollDesc wait = {.fd = file, .in_flags = PR_POLL_WRITE | PR_POLL_EXCEPT};
    if (PR_Poll(&wait, 1, PR_SecondsToInterval(20)) != 1 ||
        PR_ConnectContinue(file, wait.out_flags) != PR_SUCCESS) {
        fail_nss("PR_ConnectContinue");
    }
    return file;
}

static void run_poll(const struct target *target)
{
    PRFileDesc *file = connect_later(target);
    send_request_polling(file, target);
    read_response_polling(file, target);
    PR_Close(file);
}

void finish_handshake(PRFileDesc *file)
{
    while (SSL_ForceHandshake(file) != SECSuccess) {
        if (PR_GetError() != PR_WOULD_BLOCK_ERROR) {
            fail_nss("SSL_ForceHandshake");
        }
        wait_by_poll(file, PR_POLL_READ);
    }
}

static void run_force_poll(const struct target *target)
{
    PRFileDesc *file = connect_later(target);
    finish_handshake(file);
    send_request_polling(file, target);
    read_response_polling(file, target);
    PR_Close(file);
}

/* Blocking, with TLS on the socket before the connection is there. */
static void run_connect_tls(const struct target *target)
{
    PRNetAddr address;
    find_address(target, &address);
    PRFileDesc *file = SSL_ImportFD(NULL, PR_OpenTCPSocket(PR_AF_INET));
    name_server(file, target);
    if (PR_Connect(file, &address, PR_INTERVAL_NO_TIMEOUT) != PR_SUCCESS) {
        fail_nss("PR_Connect");
    }
    send_request(file, target);
    read_response(file, target);
    PR_Close(file);
}

/* The program asks for the peer before it gives the name, and afterwards. */
static void run_peer_first(const struct target *target)
{
    PRNetAddr address;
    PRFileDesc *file = SSL_ImportFD(NULL, dial_nspr(target));
    if (SSL_ResetHandshake(file, PR_FALSE) != SECSuccess ||
        PR_GetPeerName(file, &address) != PR_SUCCESS) {
        fail_nss("PR_GetPeerName");
    }
    name_server(file, target);
    if (PR_GetPeerName(file, &address) != PR_SUCCESS || address.inet.port == 0) {
        fail_nss("PR_GetPeerName");
    }
    send_request(file, target);
    if (PR_GetPeerName(file, &address) != PR_SUCCESS) {
        fail_nss("PR_GetPeerName");
    }
    read_response(file, target);
    PR_Close(file);
}

/* The first name is another one; nothing is sent for it. */
static void run_late_name(const struct target *target)
{
    PRNetAddr address;
    PRFileDesc *file = SSL_ImportFD(NULL, dial_nspr(target));
    SSL_ResetHandshake(file, PR_FALSE);
    if (SSL_SetURL(file, "early.example.org") != 0 ||
        PR_GetPeerName(file, &address) != PR_SUCCESS) {
        fail_nss("PR_GetPeerName");
    }
    name_server(file, target);
    send_request(file, target);
    read_response(file, target);
    PR_Close(file);
}

/* ---- the versions ---- */

static void run_range(const struct target *target, PRUint16 min, PRUint16 max)
{
    PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
    SSLVersionRange range = {min, max};
    if (SSL_VersionRangeSet(file, &range) != SECSuccess) {
        fail_nss("SSL_VersionRangeSet");
    }
    send_request(file, target);
    read_response(file, target);
    PR_Close(file);
}

static void run_tls13_only(const struct target *target)
{
    run_range(target, SSL_LIBRARY_VERSION_TLS_1_3, SSL_LIBRARY_VERSION_TLS_1_3);
}

static void run_tls12(const struct target *target)
{
    run_range(target, SSL_LIBRARY_VERSION_TLS_1_2, SSL_LIBRARY_VERSION_TLS_1_2);
}

static void run_no_name(const struct target *target)
{
    PRFileDesc *file = SSL_ImportFD(NULL, dial_nspr(target));
    SSL_ResetHandshake(file, PR_FALSE);
    (void)SSL_ForceHandshake(file); /* the certificate cannot have the right name */
    PR_Close(file);
}

/* NSS programs call it once more than they need. */
static void run_reset(const struct target *target)
{
    PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
    for (int i = 0; i < 3; i++) {
        if (SSL_ResetHandshake(file, PR_FALSE) != SECSuccess) {
            fail_nss("SSL_ResetHandshake");
        }
    }
    send_request(file, target);
    read_response(file, target);
    PR_Close(file);
}

/* SSL_SECURITY is off while the program speaks in the clear, as before STARTTLS. */
static void run_late_security(const struct target *target)
{
    PRFileDesc *file = SSL_ImportFD(NULL, dial_nspr(target));
    if (SSL_OptionSet(file, SSL_SECURITY, PR_FALSE) != SECSuccess ||
        PR_Send(file, "", 0, 0, PR_INTERVAL_NO_TIMEOUT) != 0 ||
        SSL_OptionSet(file, SSL_SECURITY, PR_TRUE) != SECSuccess ||
        SSL_ResetHandshake(file, PR_FALSE) != SECSuccess) {
        fail_nss("SSL_OptionSet");
    }
    name_server(file, target);
    send_request(file, target);
    read_response(file, target);
    PR_Close(file);
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"send", fetch_plainly},
        {"write", run_write},
        {"writev", run_writev},
        {"force", run_force},
        {"force-timeout", run_force_timeout},
        {"read-first", run_read_first},
        {"poll", run_poll},
        {"force-poll", run_force_poll},
        {"connect-tls", run_connect_tls},
        {"peer-first", run_peer_first},
        {"late-name", run_late_name},
        {"late-security", run_late_security},
        {"tls13-only", run_tls13_only},
        {"tls12", run_tls12},
        {"no-name", run_no_name},
        {"resume", run_resume},
        {"early", run_early},
        {"threads", run_threads},
        {"fork", run_fork},
        {"reset", run_reset},
        {"endurance", run_endurance},
        {"attempts", run_attempts},
        {"own-layer", run_own_layer},
        {"dribble", run_dribble},
        {"stutter", run_stutter},
        {"stack-head", run_stack_head},
        {"layer-above", run_layer_above},
        {"model", run_model},
        {"model-after-use", run_model_after_use},
        {"reconfigured", run_reconfigured},
        {"copied-descriptor", run_copied_descriptor},
        {"own-poll", run_own_poll},
        {"datagrams", run_datagrams},
        {NULL, NULL},
    };
    const struct target target = {.ca = argc > 3 ? argv[3] : ""};
    start_nss(&target);
    return run_mode_of(argc, argv, modes);
}
