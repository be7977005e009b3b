/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NSS with other layers of NSPR below and above it, and with other sockets. */
#include "nss_client.h"

#include <errno.h>
#include <nspr.h>
#include <poll.h>
#include <private/pprio.h>
#include <sslproto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void fetch_over(PRFileDesc *file, const struct target *target)
{
    send_request(file, target);
    read_response(file, target);
    PR_Close(file);
}

/* ---- a layer of the program under TLS ---- */

static PRInt32 most; /* octets at a time */
static PRBool stutters;
static PRBool said_later;
static int closed;

static PRBool says_later(void)
{
    said_later = !said_later;
    if (stutters && said_later) {
        PR_SetError(PR_WOULD_BLOCK_ERROR, 0);
        return PR_TRUE;
    }
    return PR_FALSE;
}

static PRInt32 own_recv(PRFileDesc *file, void *out, PRInt32 size, PRIntn flags,
                        PRIntervalTime timeout)
{
    return says_later() ? -1 : PR_Recv(file->lower, out, size < most ? size : most, flags, timeout);
}

static PRInt32 own_send(PRFileDesc *file, const void *data, PRInt32 length, PRIntn flags,
                        PRIntervalTime timeout)
{
    return says_later() ? -1
                        : PR_Send(file->lower, data, length < most ? length : most, flags, timeout);
}

static PRStatus own_close(PRFileDesc *file)
{
    closed++;
    file->secret = NULL;
    return PR_GetDefaultIOMethods()->close(file);
}

static PRFileDesc *own_layer(void)
{
    static PRIOMethods methods;
    methods = *PR_GetDefaultIOMethods();
    methods.recv = own_recv;
    methods.send = own_send;
    methods.close = own_close;
    PRFileDesc *layer = PR_CreateIOLayerStub(PR_GetUniqueIdentity("the program's"), &methods);
    if (layer == NULL) {
        fail_nss("PR_CreateIOLayerStub");
    }
    layer->secret = (PRFilePrivate *)&closed;
    return layer;
}

static PRFileDesc *with_own_layer(const struct target *target)
{
    PRFileDesc *file = dial_nspr(target);
    if (PR_PushIOLayer(file, PR_TOP_IO_LAYER, own_layer()) != PR_SUCCESS) {
        fail_nss("PR_PushIOLayer");
    }
    return import_tls(NULL, file, target);
}

void run_own_layer(const struct target *target)
{
    most = 1 << 20;
    fetch_over(with_own_layer(target), target);
    if (closed != 1) {
        fail("the layer was closed %d times", closed);
    }
}

/* One octet at a time. */
void run_dribble(const struct target *target)
{
    most = 1;
    fetch_over(with_own_layer(target), target);
}

/* "Later" every second time; the program tries again at once. */
void run_stutter(const struct target *target)
{
    char request[512];
    char chunk[1000];
    PRInt32 got;
    struct response response = {.len = 0};
    most = 700;
    stutters = PR_TRUE;
    PRFileDesc *file = with_own_layer(target);
    set_nonblocking(file);
    PRInt32 length = (PRInt32)make_request(target, request, sizeof request);
    PRInt32 sent = 0;
    while (sent < length) {
        got = PR_Send(file, request + sent, length - sent, 0, PR_INTERVAL_NO_WAIT);
        if (got < 0 && PR_GetError() != PR_WOULD_BLOCK_ERROR) {
            fail_nss("PR_Send");
        }
        sent += got > 0 ? got : 0;
        PR_Sleep(PR_MillisecondsToInterval(1));
    }
    do {
        got = PR_Recv(file, chunk, sizeof chunk, 0, PR_INTERVAL_NO_WAIT);
        if (got < 0 && PR_GetError() != PR_WOULD_BLOCK_ERROR) {
            fail_nss("PR_Recv");
        }
        if (got > 0) {
            response_add(&response, chunk, (size_t)got);
        }
        PR_Sleep(PR_MillisecondsToInterval(1));
    } while (got != 0);
    response_check(&response, target);
    PR_Close(file);
}

/* A stack of the other style, whose top stays where it is. */
void run_stack_head(const struct target *target)
{
    PRFileDesc *stack = PR_CreateIOLayer(dial_nspr(target));
    if (stack == NULL) {
        fail_nss("PR_CreateIOLayer");
    }
    fetch_over(import_tls(NULL, stack, target), target);
}

/* The program takes its own layer off again before it closes the socket, as NSS demands. */
void run_layer_above(const struct target *target)
{
    most = 1 << 20;
    PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
    if (PR_PushIOLayer(file, PR_TOP_IO_LAYER, own_layer()) != PR_SUCCESS) {
        fail_nss("PR_PushIOLayer");
    }
    send_request(file, target);
    read_response(file, target);
    PRFileDesc *layer = PR_PopIOLayer(file, PR_TOP_IO_LAYER);
    layer->secret = NULL;
    layer->dtor(layer);
    PR_Close(file);
}

/* ---- models ---- */

/* curl's way: the settings are made on a socket that is never connected. */
void run_model(const struct target *target)
{
    PRFileDesc *model = SSL_ImportFD(NULL, PR_NewTCPSocket());
    if (model == NULL || SSL_OptionSet(model, SSL_SECURITY, PR_TRUE) != SECSuccess) {
        fail_nss("SSL_ImportFD");
    }
    for (int i = 0; i < 2; i++) {
        fetch_over(import_tls(model, dial_nspr(target), target), target);
    }
    PR_Close(model);
}

/* The model has had a handshake of its own. */
void run_model_after_use(const struct target *target)
{
    PRFileDesc *model = import_tls(NULL, dial_nspr(target), target);
    send_request(model, target);
    read_response(model, target);
    fetch_over(import_tls(model, dial_nspr(target), target), target);
    PR_Close(model);
}

void run_reconfigured(const struct target *target)
{
    PRFileDesc *model = SSL_ImportFD(NULL, PR_NewTCPSocket());
    PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
    if (SSL_ReconfigFD(model, file) == NULL) {
        fail_nss("SSL_ReconfigFD");
    }
    fetch_over(file, target);
    PR_Close(model);
}

/* ---- other sockets ---- */

void run_copied_descriptor(const struct target *target)
{
    int fd = dial(target);
    int copy = dup(fd);
    PRFileDesc *file = import_tls(NULL, PR_ImportTCPSocket(copy), target);
    fetch_over(file, target);
    close(fd);
}

static void wait_for_octets(PRFileDesc *file, short events)
{
    struct pollfd wait = {.fd = (int)PR_FileDesc2NativeHandle(file), .events = events};
    if (poll(&wait, 1, 20000) != 1) {
        fail("poll: %s", strerror(errno));
    }
}

/* A descriptor of the program's, which does not block, and poll(2) instead of PR_Poll. */
void run_own_poll(const struct target *target)
{
    char chunk[1000];
    PRInt32 got;
    struct response response = {.len = 0};
    PRFileDesc *file = PR_ImportTCPSocket(dial_nonblocking(target));
    set_nonblocking(file);
    wait_for_octets(file, POLLOUT);
    file = import_tls(NULL, file, target);
    while (SSL_ForceHandshake(file) != SECSuccess) {
        if (PR_GetError() != PR_WOULD_BLOCK_ERROR) {
            fail_nss("SSL_ForceHandshake");
        }
        wait_for_octets(file, POLLIN);
    }
    send_request_polling(file, target);
    do {
        got = PR_Recv(file, chunk, sizeof chunk, 0, PR_INTERVAL_NO_WAIT);
        if (got < 0 && PR_GetError() != PR_WOULD_BLOCK_ERROR) {
            fail_nss("PR_Recv");
        }
        if (got < 0) {
            wait_for_octets(file, POLLIN);
        } else {
            response_add(&response, chunk, (size_t)got);
        }
    } while (got != 0);
    response_check(&response, target);
    PR_Close(file);
}

/* DTLS on a socket for datagrams: nobody answers. */
void run_datagrams(const struct target *target)
{
    PRNetAddr address;
    PRFileDesc *file = DTLS_ImportFD(NULL, PR_OpenUDPSocket(PR_AF_INET));
    if (file == NULL || SSL_ResetHandshake(file, PR_FALSE) != SECSuccess) {
        fail_nss("DTLS_ImportFD");
    }
    name_server(file, target);
    PR_InitializeNetAddr(PR_IpAddrLoopback, 4433, &address);
    if (PR_Connect(file, &address, PR_INTERVAL_NO_TIMEOUT) != PR_SUCCESS ||
        SSL_ForceHandshakeWithTimeout(file, PR_MillisecondsToInterval(200)) == SECSuccess) {
        fail_nss("PR_Connect");
    }
    PR_Close(file);
    fetch_plainly(target);
}
