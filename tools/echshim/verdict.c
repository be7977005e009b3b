/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/verdict.h"

#define HOLD_IT "run it by echshim --strict: that refuses its TLS"
#define LET_IT "run it without --strict if its names may be read"

static struct verdict strict_of(const struct verdict_facts *facts)
{
    if (!facts->reached && !(facts->runs && facts->can_be_held)) {
        return (struct verdict){"held", "strict mode does not run it", LET_IT};
    }
    if (!facts->reached) {
        return (struct verdict){
            "held", "the shim cannot be in it, so strict mode refuses its connections", LET_IT};
    }
    if (facts->unhooked == 0) {
        return (struct verdict){"protected", "strict mode refuses every connection without ECH",
                                NULL};
    }
    if (facts->hooked > 0) {
        return (struct verdict){
            "held", "strict mode refuses the TLS that is not hooked, and protects the rest",
            LET_IT};
    }
    return (struct verdict){"held", "the shim does not hook its TLS, so strict mode refuses it",
                            LET_IT};
}

/* TLS that is hooked gets no relay, and so what else is in such a program does not, either. */
static bool goes_by_relay(const struct verdict_facts *facts)
{
    bool unreached = !facts->reached || (facts->hooked == 0 && facts->unhooked > 0);
    return facts->relay && unreached && facts->can_be_held;
}

/* Its own crypto/tls is all the TLS that it has. */
static struct verdict led(const struct verdict_facts *facts)
{
    return facts->mode == SHIM_MODE_STRICT
               ? (struct verdict){"protected", "strict mode refuses every handshake without ECH",
                                  NULL}
               : (struct verdict){"protected",
                                  "its handshakes use ECH where the server has published a key",
                                  "add --strict to refuse servers without one"};
}

const char *verdict_way(const struct verdict_facts *facts)
{
    if (facts->led && facts->can_be_held && facts->mode != SHIM_MODE_OFF &&
        facts->mode != SHIM_MODE_GREASE) {
        return "go";
    }
    if (facts->hooked + facts->unhooked == 0) {
        return NULL;
    }
    if (facts->mode == SHIM_MODE_OFF) {
        return "open";
    }
    if (goes_by_relay(facts)) {
        return "relay";
    }
    if (facts->reached && facts->unhooked == 0) {
        return facts->detours ? "detours" : facts->native ? "native" : "hooks";
    }
    return facts->mode == SHIM_MODE_STRICT ? "held" : "open";
}

struct verdict verdict_of(const struct verdict_facts *facts)
{
    if (facts->mode == SHIM_MODE_OFF) {
        return (struct verdict){"open", "the mode is off", "choose another mode"};
    }
    if (facts->led && facts->can_be_held && facts->mode != SHIM_MODE_GREASE) {
        return led(facts);
    }
    if (goes_by_relay(facts)) {
        return (struct verdict){
            "relay", "the relay ends its TLS on this machine, and connects on with ECH", NULL};
    }
    if (facts->mode == SHIM_MODE_STRICT) {
        return strict_of(facts);
    }
    if (facts->mode == SHIM_MODE_GREASE) {
        return (struct verdict){"open", "mode grease hides no names", "choose another mode"};
    }
    if (!facts->reached) {
        return (struct verdict){
            "open", "the shim cannot be in it, and an observer reads the names of its TLS",
            HOLD_IT};
    }
    if (facts->unhooked == 0) {
        return (struct verdict){"protected",
                                "its connections use ECH where the server has published a key",
                                "add --strict to refuse servers without one"};
    }
    return facts->hooked > 0
               ? (struct verdict){"open",
                                  "an observer reads the names of the TLS that is not hooked",
                                  HOLD_IT}
               : (struct verdict){"open",
                                  "the shim does not hook its TLS, and an observer reads its names",
                                  HOLD_IT};
}
