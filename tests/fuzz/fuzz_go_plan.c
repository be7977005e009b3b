/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Executable files: what the launcher reads of Go programs. */
#include <stdlib.h>
#include <string.h>

#include "tools/echshim/go/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct go_plan plan;
    char text[256];
    enum go_way way = go_plan_read(&plan, data, size);
    const char *why = go_plan_why(way, &plan, text, sizeof text);
    if ((why == NULL) != (way == GO_WAY_NONE || way == GO_WAY_READY) ||
        strnlen(plan.version, sizeof plan.version) == sizeof plan.version ||
        strnlen(plan.found, sizeof plan.found) == sizeof plan.found ||
        (way == GO_WAY_READY &&
         (plan.handshake_prologue.length > sizeof plan.handshake_prologue.code ||
          plan.function.system_stack == 0))) {
        abort();
    }
    return 0;
}
