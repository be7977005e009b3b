/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is wrong with a real server's certificate, as the relay shows it to the program. Pure. */
#ifndef TOOLS_RELAY_FAULTS_H
#define TOOLS_RELAY_FAULTS_H

#include <stdbool.h>

/* A set: each makes the certificate for the program wrong in the same way. */
enum relay_fault {
    RELAY_FAULT_EXPIRED = 1 << 0,
    RELAY_FAULT_NOT_YET_VALID = 1 << 1,
    RELAY_FAULT_OTHER_HOST = 1 << 2,
    RELAY_FAULT_UNKNOWN_AUTHORITY = 1 << 3, /* also what can be shown in no better way */
    RELAY_FAULT_SELF_SIGNED = 1 << 4,
    RELAY_FAULT_OTHER_PURPOSE = 1 << 5, /* not for servers */
    RELAY_FAULT_BAD_SIGNATURE = 1 << 6,
    RELAY_FAULT_WEAK = 1 << 7, /* signed with an algorithm that is broken */
};

/* `status`: GnuTLS's gnutls_certificate_status_t of the chain. `self_issued`: its first certificate
 * names itself as its issuer. 0: the certificate is good. */
unsigned relay_faults_of(unsigned status, bool self_issued);

/* One word for the log; static storage. */
const char *relay_fault_word(unsigned faults);

#endif
