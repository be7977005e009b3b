/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the detour in a Go program and the supervisor agree on (docs/architecture.md, Go programs).
 * The detour runs when crypto/tls begins a handshake as a client. It asks by a system call that no
 * program makes and that the filter of the supervisor notifies:
 *
 *     connect(SOCKET, NAME, GO_ASK, NAME_LENGTH, BUFFER, FLAGS << 32 | BUFFER_SIZE)
 *
 * SOCKET is -1 for the kernel, which reads the lower half of it. The upper half is the descriptor
 * of the connection plus 1, with GO_ASK_WRAPPED if it lies in a connection of another type; or 0:
 * the detour does not know it.
 * NAME is Config.ServerName, not terminated: it may be empty, an IP address, or end with a dot.
 * BUFFER is in the memory of the program; the supervisor writes there. The answer is
 *     > 0      length of the ECHConfigList (with its two octets of length) in BUFFER: the detour
 *              gives it to a copy of the Config, with MinVersion 1.3, and the handshake goes on
 *     0        the handshake goes on as the program made it
 *     -EAGAIN  there is no answer yet: the goroutine lets others run, and the detour asks again.
 *              The call holds up the collector of the program, so the supervisor keeps it waiting
 *              for GO_ASK_PATIENCE_MS at most, and never answers this at once.
 *     other    refused: the handshake fails before it has sent anything. So it does where there is
 *              no filter (EBADF), and where the supervisor has died (ENOSYS).
 * A list that the detour cannot use (FLAGS) must not be answered.
 *
 * Later it tells how the handshake ended, as soon as that is known:
 *
 *     connect(SOCKET, NAME, GO_TELL, NAME_LENGTH, OUTCOME, 0)
 *
 * It tells only of handshakes that it gave a list to, and heeds no answer. A handshake that fails
 * before the server's Finished tells nothing.
 */
#ifndef TOOLS_ECHSHIM_GO_ASK_H
#define TOOLS_ECHSHIM_GO_ASK_H

/* No preprocessor of assembler knows an enum. */
#define GO_ASK 0x45434841  /* the third argument, beyond any length of an address */
#define GO_TELL 0x45434854 /* the same */

#define GO_ASK_BUFFER 4096 /* octets; the largest ECHConfigList that can be given */
#define GO_ASK_PATIENCE_MS 5

#define GO_ASK_WRAPPED 0x80000000 /* of the upper half of SOCKET */

/* FLAGS */
#define GO_ASK_OWN_LIST 1 /* the program has given an ECHConfigList itself, and it will be used */
#define GO_ASK_OLD_ONLY 2 /* Config.MaxVersion forbids TLS 1.3, and so ECH */

/* The page with the detour begins with this mark, and then has the pass of the supervisor: so it
 * knows a process that asks for each of its handshakes. */
#define GO_DETOUR_MARK "echshimG" /* without its NUL */
#define GO_DETOUR_MARK_SIZE 8

/* OUTCOME */
#define GO_TELL_REJECTED 0 /* the program gets an ECHRejectionError */
#define GO_TELL_ACCEPTED 1

#endif
