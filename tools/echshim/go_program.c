/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs whose own crypto/tls makes ECH, switched on from outside (docs/architecture.md, Go
 * programs). */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "shim/common/passing_call.h"
#include "shim/common/supervision.h"
#include "tools/echshim/detour/lead.h"
#include "tools/echshim/echshim.h"
#include "tools/echshim/view.h"

/* The file that the kernel executes. */
static const struct program_file *file_of(const struct program *program)
{
    return &program->chain[program->count - 1];
}

enum go_way go_program_way(const struct program *program, const struct go_plan **plan)
{
    static bool known;
    static enum go_way way;
    static struct go_plan read;
    struct view view;
    bool possible =
        program->reach == SHIM_PRELOADABLE_GO || program->reach == SHIM_PRELOADABLE_STATIC;
    if (!known && possible && view_open(&view, file_of(program)->path)) {
        way = go_plan_read(&read, view.octets, view.length);
        view_close(&view);
    }
    if (!known && way == GO_WAY_READY && go_plan_only_fips(&read, getenv("GODEBUG"))) {
        way = GO_WAY_FIPS;
    }
#ifndef __x86_64__
    /* The detours are code of x86-64 (tools/echshim/detour/). */
    way = way == GO_WAY_READY ? GO_WAY_MACHINE : way;
#endif
    known = true;
    *plan = &read;
    return way;
}

bool go_program_may_be_led(const struct program *program)
{
    enum shim_mode mode = conf_mode(program);
    return (mode == SHIM_MODE_STRICT || mode == SHIM_MODE_OPPORTUNISTIC) && conf_go(program);
}

bool go_program_is_led(const struct program *program)
{
    const struct go_plan *plan;
    return go_program_may_be_led(program) && go_program_way(program, &plan) == GO_WAY_READY;
}

bool go_program_lead(const struct program *program, const char **why)
{
    const struct go_plan *plan;
    struct shim_supervision supervision;
    bool leads = false;
    bool ready = go_program_way(program, &plan) == GO_WAY_READY;
    if (!ready || !shim_supervision_parse(getenv("ECHSHIM_SUPERVISOR"), &supervision)) {
        /* If only our environment was cleaned, an outer one does it at the first connection. */
        (void)shim_supervisor_lives(&leads);
        *why = "there is no supervisor that would answer it";
        return ready && leads;
    }
    bool led = lead_begin(plan, &supervision.pass, why);
    /* lead_begin has named the leader to Yama, which keeps one name. */
    (void)prctl(PR_SET_PTRACER, (unsigned long)supervision.supervisor, 0, 0, 0);
    return led;
}
