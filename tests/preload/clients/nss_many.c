/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Modes of the NSS client with several handshakes. */
#include "nss_client.h"

#include <nspr.h>
#include <secmod.h>
#include <sslproto.h>
#include <stdio.h>
#include <unistd.h>

/* Is the session of the connection a resumed one? */
static bool is_resumed(PRFileDesc *file)
{
    SSLChannelInfo info;
    return SSL_GetChannelInfo(file, &info, sizeof info) == SECSuccess && info.resumed != 0;
}

void run_resume(const struct target *target)
{
    for (int i = 0; i < 2; i++) {
        PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
        SSL_OptionSet(file, SSL_ENABLE_SESSION_TICKETS, PR_TRUE);
        send_request(file, target);
        read_response(file, target);
        if (is_resumed(file) != (i == 1)) {
            fail("connection %d: resumed is %d", i, is_resumed(file));
        }
        PR_Close(file);
    }
    printf("reused\n");
}

static void note_done(PRFileDesc *file, void *done)
{
    (void)file;
    *(bool *)done = true;
}

/* Sends the request with the hello if NSS may, and sends it again if the server did not take it. */
static void fetch_early(const struct target *target, bool says)
{
    SSLPreliminaryChannelInfo before;
    SSLChannelInfo after;
    bool done = false;
    PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
    SSL_HandshakeCallback(file, note_done, &done);
    SSL_OptionSet(file, SSL_ENABLE_SESSION_TICKETS, PR_TRUE);
    SSL_OptionSet(file, SSL_ENABLE_0RTT_DATA, PR_TRUE);
    /* Groups of every server: a HelloRetryRequest would refuse the early data. */
    static const SSLNamedGroup groups[] = {ssl_grp_ec_curve25519, ssl_grp_ec_secp256r1,
                                           ssl_grp_ec_secp384r1};
    SSL_NamedGroupConfig(file, groups, sizeof groups / sizeof *groups);
    set_nonblocking(file);
    (void)SSL_ForceHandshake(file);
    bool early = SSL_GetPreliminaryChannelInfo(file, &before, sizeof before) == SECSuccess &&
                 before.canSendEarlyData;
    if (early) {
        send_request_polling(file, target);
    }
    if (!done) { /* once it is done, SSL_ForceHandshake waits for the next message */
        finish_handshake(file);
    }
    if (SSL_GetChannelInfo(file, &after, sizeof after) != SECSuccess) {
        fail_nss("SSL_GetChannelInfo");
    }
    if (!early || !after.earlyDataAccepted) {
        send_request_polling(file, target);
    }
    read_response_polling(file, target);
    if (says) {
        printf("early data %s\n", after.earlyDataAccepted ? "accepted" : "refused");
    }
    PR_Close(file);
}

void run_early(const struct target *target)
{
    fetch_early(target, false);
    fetch_early(target, true);
}

void run_threads(const struct target *target)
{
    in_threads(target, fetch_plainly);
}

static pid_t parent;

static void fetch_in_process(const struct target *target)
{
    /* NSS's own cryptography refuses to work in a child until this call. */
    if (getpid() != parent && SECMOD_RestartModules(PR_FALSE) != SECSuccess) {
        fail_nss("SECMOD_RestartModules");
    }
    fetch_plainly(target);
}

void run_fork(const struct target *target)
{
    parent = getpid();
    across_fork(target, fetch_in_process);
}

static void fetch_uncached(const struct target *target)
{
    PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
    SSL_OptionSet(file, SSL_NO_CACHE, PR_TRUE); /* NSS keeps its sessions for a day */
    send_request(file, target);
    read_response(file, target);
    PR_Close(file);
}

void run_endurance(const struct target *target)
{
    endure(target, fetch_uncached);
}

/* Two attempts. Prints how each ends. */
void run_attempts(const struct target *target)
{
    for (int i = 0; i < 2; i++) {
        PRFileDesc *file = import_tls(NULL, dial_nspr(target), target);
        SECStatus status = SSL_ForceHandshake(file);
        printf("%s\n", status == SECSuccess ? "done" : PR_ErrorToName(PR_GetError()));
        if (status != SECSuccess && SSL_ForceHandshake(file) == SECSuccess) {
            fail("the second call succeeds");
        }
        PR_Close(file);
    }
}
