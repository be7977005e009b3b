/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/relay/faults.h"

#include <gnutls/gnutls.h>
#include <stddef.h>

unsigned relay_faults_of(unsigned status, bool self_issued)
{
    static const struct {
        unsigned status;
        unsigned fault;
    } known[] = {
        {GNUTLS_CERT_EXPIRED, RELAY_FAULT_EXPIRED},
        {GNUTLS_CERT_NOT_ACTIVATED, RELAY_FAULT_NOT_YET_VALID},
        {GNUTLS_CERT_UNEXPECTED_OWNER, RELAY_FAULT_OTHER_HOST},
        {GNUTLS_CERT_PURPOSE_MISMATCH, RELAY_FAULT_OTHER_PURPOSE},
        {GNUTLS_CERT_SIGNATURE_FAILURE, RELAY_FAULT_BAD_SIGNATURE},
        {GNUTLS_CERT_INSECURE_ALGORITHM, RELAY_FAULT_WEAK},
    };
    unsigned faults = 0;
    if (status == 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if ((status & known[i].status) != 0) {
            faults |= known[i].fault;
        }
    }
    if ((status & GNUTLS_CERT_SIGNER_NOT_FOUND) != 0) {
        faults |= self_issued ? RELAY_FAULT_SELF_SIGNED : RELAY_FAULT_UNKNOWN_AUTHORITY;
    }
    return faults != 0 ? faults : RELAY_FAULT_UNKNOWN_AUTHORITY;
}

const char *relay_fault_word(unsigned faults)
{
    static const struct {
        unsigned fault;
        const char *word;
    } words[] = {
        {RELAY_FAULT_SELF_SIGNED, "self-signed"},
        {RELAY_FAULT_UNKNOWN_AUTHORITY, "of an unknown authority"},
        {RELAY_FAULT_BAD_SIGNATURE, "wrongly signed"},
        {RELAY_FAULT_WEAK, "weakly signed"},
        {RELAY_FAULT_EXPIRED, "expired"},
        {RELAY_FAULT_NOT_YET_VALID, "not yet valid"},
        {RELAY_FAULT_OTHER_PURPOSE, "not for servers"},
        {RELAY_FAULT_OTHER_HOST, "for another host"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if ((faults & words[i].fault) != 0) {
            return words[i].word;
        }
    }
    return "good";
}
