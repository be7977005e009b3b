/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/common/supervision.h"
#include "tools/echshim/echshim.h"
#include "tools/echshim/go_running.h"
#include "tools/echshim/relay.h"
#include "tools/echshim/supervisor/supervisor.h"

/* The disposition of SIGCHLD at our start. If it was ignored, we could not wait for children. */
static struct sigaction child_signal;

void execute_begin(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGCHLD, &usual, &child_signal);
}

/* As in execvp: the file becomes the shell's first argument. */
static void execute_by_shell(const struct program *program, char *const argv[])
{
    static char name[] = "sh";
    size_t count = 0;
    while (argv[count] != NULL) {
        count++;
    }
    char **shell = calloc(count + 2, sizeof *shell);
    if (shell == NULL) {
        return;
    }
    shell[0] = name;
    shell[1] = (char *)(uintptr_t)program->path;
    memcpy(shell + 2, argv + 1, count * sizeof *shell); /* with the NULL */
    (void)execve("/bin/sh", shell, environ);
    int problem = errno;
    free(shell);
    errno = problem;
}

static int execute(const struct program *program, char *const argv[])
{
    if (program->shell) {
        execute_by_shell(program, argv);
    } else {
        (void)execve(program->path, argv, environ);
    }
    int problem = errno;
    prove_give_up();
    bool missing = problem == ENOENT;
    say(ECHSHIM, "%s: it cannot be executed: %s", program->path,
        missing ? "its interpreter or loader is missing" : strerror(problem));
    return EXIT_NOT_RUN;
}

int execute_refuse(const struct program *program, const char *why)
{
    conf_say_problems(program); /* they may be the reason */
    say(ECHSHIM, "%s is not run, because the shim would not be in it: %s", program->path, why);
    return EXIT_REFUSED;
}

const char *execute_follow(const struct program *program, const struct options *options)
{
    if (conf_mode(program) != SHIM_MODE_STRICT) {
        return options->quiet ? NULL : "warn";
    }
    return options->refuse_programs ? "strict" : options->quiet ? "hold-quietly" : "hold";
}

/* ---- the supervisor ---- */

static struct supervisor supervisor; /* it is large */

/* Starts the relay, if it is wanted. Without one, strict mode refuses what it would have served. */
static void begin_to_relay(const struct program *program, const struct options *options,
                           struct supervisor_policy *policy)
{
    const char *why = NULL;
    policy->relay = relay_is_wanted(program, options);
    if (policy->relay && !relay_begin(program, options, &supervisor.lead, &why)) {
        policy->relay = false;
        say(ECHSHIM, "there is no relay: %s", why);
    }
}

/* Starts its process, if strict mode holds for some host, there is a relay, or a Go program asks.
 */
static enum supervisor_start begin_to_hold(const struct program *program,
                                           const struct options *options,
                                           struct supervisor_policy *policy, const char **why)
{
    char library[PATH_MAX];
    supervisor.lead = (struct supervisor_lead){.link = -1, .listener = -1, .listener_ipv6 = -1};
    conf_policy(program, policy);
    if (!options->refuse_programs) {
        begin_to_relay(program, options, policy);
    }
    bool wanted = policy->strict || policy->relay || go_program_is_led(program);
    if (options->refuse_programs || !wanted) {
        return SUPERVISOR_NOT_WANTED;
    }
    supervisor.policy = *policy;
    if (library_find(library)) {
        library_stubs(library, &supervisor.stubs);
        supervisor.engine = library_engine(library);
    }
    supervisor.conf = conf_whole(program);
    supervisor.place = go_program_may_be_led(program) ? go_running_place : NULL;
    supervisor_teller_open(&supervisor.teller, conf_report_place(program));
    enum supervisor_start start = supervisor_begin(&supervisor, why);
    if (start != SUPERVISOR_STARTED) {
        policy->relay = false;
        relay_leave(&supervisor.lead); /* the relay ends */
    }
    return start;
}

static void say_how_held(const struct program *program, const struct options *options,
                         enum supervisor_start held, const char *why)
{
    if (options->quiet) {
        return;
    }
    if (held == SUPERVISOR_IMPOSSIBLE && conf_mode(program) == SHIM_MODE_STRICT) {
        say(ECHSHIM,
            "programs that the shim is not in cannot be held here, so strict mode does not run "
            "them: %s",
            why);
    } else if (held == SUPERVISOR_HELD_ALREADY && options->called == NULL) {
        say(ECHSHIM, "%s is held by the supervisor of another echshim already", program->path);
    }
}

/* A user who did not ask for a filter learns once what it takes. */
static void say_price(const struct program *program, const struct options *options)
{
    struct shim_supervision supervision;
    if (!options->quiet && conf_mode(program) != SHIM_MODE_STRICT &&
        shim_supervision_parse(getenv("ECHSHIM_SUPERVISOR"), &supervision) &&
        supervision.no_new_privs) {
        say(ECHSHIM,
            "%s makes its TLS with ECH; what it runs gets no rights of its own (setuid) for that: "
            "ECHSHIM_GO=off avoids it",
            program->path);
    }
}

/* Switches on the ECH of a Go program. False: `obstacle`, of `size` octets, says why not. */
static bool lead(const struct program *program, const struct options *options, bool held,
                 const char *why, char *obstacle, size_t size)
{
    if (!go_program_is_led(program) || options->refuse_programs) {
        return false;
    }
    if (held && go_program_lead(program, &why)) {
        say_price(program, options);
        return true;
    }
    (void)snprintf(obstacle, size, "the ECH of a Go program cannot be switched on here: %s", why);
    if (conf_mode(program) != SHIM_MODE_STRICT && !options->quiet) {
        say(ECHSHIM, "%s runs without the shim: %s", program->path, obstacle);
    }
    return false;
}

/* 0, or EXIT_REFUSED; standard error has one sentence on it then. */
static int hold(const struct program *program, const struct options *options,
                enum supervisor_start held, const struct supervisor_policy *policy, const char *why)
{
    char obstacle[PATH_MAX + 128];
    if (held == SUPERVISOR_STARTED) {
        held = supervisor_hold(policy, &why);
        say_how_held(program, options, held, why);
        if (policy->relay && held == SUPERVISOR_STARTED && !relay_set_variables(&supervisor.lead)) {
            say(ECHSHIM, "there is no memory for the settings");
            return EXIT_OWN;
        }
        relay_leave(&supervisor.lead); /* the supervisor has it */
    }
    bool is_held = held == SUPERVISOR_STARTED || held == SUPERVISOR_HELD_ALREADY;
    if (program_obstacle(program, obstacle, sizeof obstacle) == NULL ||
        lead(program, options, is_held, why, obstacle, sizeof obstacle) ||
        conf_mode(program) != SHIM_MODE_STRICT) {
        return 0;
    }
    if (!is_held) {
        return execute_refuse(program, obstacle);
    }
    if (!options->quiet) {
        conf_say_problems(program); /* nothing in the program could say them */
        say(ECHSHIM, "%s runs without the shim, and %s: %s", program->path,
            policy->relay ? "its TLS goes through the relay" : "strict mode refuses its TLS",
            obstacle);
    }
    return 0;
}

int execute_watched(const struct program *program, const struct options *options)
{
    char obstacle[PATH_MAX + 128];
    struct supervisor_policy policy;
    const char *why = NULL;
    bool on = conf_mode(program) != SHIM_MODE_OFF;
    bool strict = conf_mode(program) == SHIM_MODE_STRICT;
    enum supervisor_start held = SUPERVISOR_NOT_WANTED;
    if (on) {
        held = begin_to_hold(program, options, &policy, &why);
        say_how_held(program, options, held, why);
    }
    bool watched = on && (strict || !options->quiet) &&
                   program_obstacle(program, obstacle, sizeof obstacle) == NULL;
    if (watched && !prove_watch(program->path, strict, execute_follow(program, options)) &&
        strict) {
        return EXIT_REFUSED;
    }
    int code = on ? hold(program, options, held, &policy, why) : 0;
    if (code != 0) {
        return code;
    }
    (void)sigaction(SIGCHLD, &child_signal, NULL);
    if (options->called != NULL) {
        options->program[0] = options->called;
    }
    return execute(program, options->program);
}
