/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A session whose TLS library has an ECH client of its own: the library seals its hello to a local
 * config, and the exchange opens it.
 */
#include <string.h>

#include "shim/common/hold.h"
#include "shim/engine/session/local_key.h"
#include "shim/engine/session/outer_name.h"

/* RFC 6761, 6.4: never a name of anybody. No hello with it leaves. */
static const char stand_in[] = "local.invalid";

/* The name of our ClientHelloOuter: programs that ask their library for the outer name get the
 * right one. But NSS makes no ECH if that is the name of the host. */
static struct bytes public_name_for(const struct shim_session *session)
{
    struct bytes chosen = shim_session_outer_name(session);
    struct bytes real = chosen.len > 0 ? chosen : session->found.choice.config.public_name;
    bool fits = session->decision.action == SHIM_ACTION_OFFER &&
                !dns_host_equal_octets((const char *)real.data, real.len, session->host,
                                       strlen(session->host));
    return fits ? real : bytes_of(stand_in, sizeof stand_in - 1);
}

/* The length of the real config: the library pads as the server asked for. But not less than for
 * its GREASE, so that the payloads have the same length. */
static uint8_t name_length_for(const struct shim_session *session)
{
    uint8_t real = session->decision.action == SHIM_ACTION_OFFER
                       ? session->found.choice.config.maximum_name_length
                       : 0;
    uint8_t grease = session->sizes.library_name_length;
    return real > grease ? real : grease;
}

/* The library's hello shows config_id. So if the library can seal it to the server, the local
 * config has the server's. */
static bool prepare(struct shim_session *session, struct bytes *ech_config_list)
{
    const struct ech_config_choice *choice = &session->found.choice;
    bool seals =
        session->decision.action == SHIM_ACTION_OFFER && shim_library_sealing_possible(choice);
    struct ech_local_key key;
    if (!shim_local_key_copy(&key)) {
        return false;
    }
    if (seals) {
        key.config_id = choice->config.config_id;
    }
    enum ech_status status =
        ech_exchange_use_local_config(session->exchange, &key, public_name_for(session),
                                      name_length_for(session), ech_config_list);
    ech_local_key_wipe(&key);
    shim_session_end_sealing(session);
    if (seals && status == ECH_OK) {
        session->sealing = shim_library_sealing_new(*ech_config_list, choice);
    }
    return status == ECH_OK;
}

void shim_session_hello_begins(struct shim_session *session)
{
    session->hello_begun = true;
}

bool shim_session_local_config(struct shim_session *session, struct bytes *ech_config_list)
{
    struct shim_hold hold;
    *ech_config_list = bytes_of(NULL, 0);
    session->local_config = true;
    shim_hold_begin(&hold);
    bool prepared = prepare(session, ech_config_list);
    shim_hold_end(&hold);
    return prepared;
}
