/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the launcher share. The order of things: options, what the program is
 * (echshim_program), where the libraries are (echshim_library), a rehearsal by the dynamic loader
 * and the proof (echshim_prove), in strict mode the supervisor (tools/echshim/supervisor), and then
 * exec; with --report and --watch a parent stays (echshim_wait), which shows the handshakes
 * (tools/echshim/show).
 */
#ifndef TOOLS_ECHSHIM_ECHSHIM_H
#define TOOLS_ECHSHIM_ECHSHIM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "shim/common/conf.h"
#include "shim/common/mode.h"
#include "shim/common/preloadable.h"
#include "tools/common/say.h"
#include "tools/echshim/go/plan.h"
#include "tools/echshim/show/live.h"
#include "tools/echshim/supervisor/decide.h"
#include "tools/echshim/supervisor/image.h"

#define ECHSHIM "echshim"
#define LIBRARY_NAME "libechshim.so"
#define ENGINE_NAME "libechshim-engine.so"

/* As in env(1) and nohup(1), and one of our own: the number of TLS's alert ech_required. */
enum {
    EXIT_BAD_CONF = 1,    /* --check-config: there is something wrong */
    EXIT_REFUSED = 121,   /* strict mode: the shim cannot be loaded into the program */
    EXIT_OWN = 125,       /* options, settings, memory: the launcher itself */
    EXIT_NOT_RUN = 126,   /* found, but cannot be executed */
    EXIT_NOT_FOUND = 127, /* no such program */
};

/* ---- options.c ---- */

enum action { ACTION_RUN, ACTION_INSPECT, ACTION_CHECK_CONF, ACTION_HELP, ACTION_VERSION };

struct options {
    enum action action;
    bool table;           /* --report: print one at the end */
    const char *page;     /* --report=FILE.html: this absolute path; NULL: none */
    enum live_form watch; /* --watch; LIVE_OFF: none */
    bool json;
    bool quiet;              /* no warnings; what the program executes is not examined */
    bool relay;              /* --relay, or --relay=HOST,... */
    const char *relay_hosts; /* NULL: all */
    const char *relay_ca;    /* more anchors for the real servers; NULL: none */
    bool refuse_programs; /* --strict=refuse-program: nothing is held, unreached programs do not run
                           */
    enum say_color color;
    char *own_name; /* argv[0] of the launcher */
    char *called;   /* the stub has executed the launcher in the program's place, under this name:
                       the program's argv[0]; else NULL */
    char **program; /* the remaining arguments: a program and its arguments, or the file to check;
                       ends with NULL */
};

/*
 * Reads the arguments. Settings become variables of this process's environment (ECHSHIM_*), which
 * the program inherits; each value is checked first. Returns 0, or an exit code; standard error
 * then has one sentence on it.
 */
int options_parse(struct options *options, int argc, char *argv[]);
void options_help(FILE *out);

/* ---- program.c ---- */

enum { PROGRAM_CHAIN = 6 };

struct program_file {
    char path[PATH_MAX];
    struct shim_executable image;
};

struct program {
    char path[PATH_MAX]; /* what will be executed */
    /* The file itself, a script's interpreter, what #!/usr/bin/env looks for, what the dynamic
     * loader is told to load, ... */
    struct program_file chain[PROGRAM_CHAIN];
    size_t count;
    enum shim_preloadable reach; /* of the whole chain */
    size_t culprit;              /* the file that `reach` is about */
    char *const
        *loader_options; /* the program given to a dynamic loader that is run by name; else NULL */
    bool covered;        /* another architecture, and its library is installed too */
    bool clean;          /* an env in the chain cleans the environment (-i, -u) */
    bool module;         /* no program, but what a program loads: it is only looked at */
    bool shell;          /* neither ELF nor #!: /bin/sh runs it, as execvp does */
};

/* Finds a program as execvp does, and looks at it; argv, which ends with NULL, is the program's
 * name and its arguments. Returns 0, EXIT_NOT_RUN or EXIT_NOT_FOUND. Unless it is 0, standard
 * error has one sentence on it. */
int program_find(struct program *program, char *const argv[]);
/* Takes a file for a module (*.node, *.so, *.so.N), which a program loads. False: it is none. */
bool program_find_module(struct program *program, const char *path);
/* Why LD_PRELOAD cannot work in it, as a sentence without its stop; NULL: it can. */
const char *program_obstacle(const struct program *program, char *out, size_t size);
/* Is it such that it may run in spite of that, if a supervisor holds it? */
bool program_can_be_held(const struct program *program);

/* ---- conf.c ---- */

/* The general mode of the program, for hosts without one of their own. The first call reads
 * environment and files. */
enum shim_mode conf_mode(const struct program *program);
/* Does the shim put detours into it if it contains OpenSSL? */
bool conf_detours(const struct program *program);
/* May the launcher switch on the ECH of a Go program? */
bool conf_go(const struct program *program);
/*
 * Where the program's report goes: a copy, or NULL for nowhere. False: the setting is
 * locked, so the launcher can get no report; standard error has one sentence on it.
 */
bool conf_report(const struct program *program, char **report);
/* What the supervisor goes by for this program. */
void conf_policy(const struct program *program, struct supervisor_policy *policy);
/* Does a configuration file ask for the relay? */
bool conf_relay(const struct program *program);
/* Sets the variables ECHSHIM_* to what counts for this program. False: there is no memory. */
bool conf_to_environment(const struct program *program);
/* All settings of this program, which live as long as the process. NULL: no memory. Call it once.
 */
const struct shim_conf *conf_whole(const struct program *program);
/* The value of ECHSHIM_REPORT that counts, to be freed; NULL: there is none. */
char *conf_report_place(const struct program *program);
/* Writes what is wrong with the files to standard error. */
void conf_say_problems(const struct program *program);
/* Checks this file or, if it is NULL, the files that count here. Prints the result; returns an exit
 * code. */
int conf_check(const char *file);

/* ---- library.c ---- */

/* Writes the stub's path: beside the launcher (where make built both), in the folder lib beside the
 * launcher's, or where it was installed; with $LIB in it if the library is also installed for the
 * other word size. False: standard error has one sentence on it. */
bool library_find(char out[PATH_MAX]);
/* Does `library` also exist for the architecture of this program? */
bool library_covers(const char *library, const struct shim_executable *image);
/* Adds the library to LD_PRELOAD in our own environment, so that loaders of musl do not find it.
 * `musl`: the program has such a loader. False: standard error has one sentence on it. */
bool library_preload(const char *library, bool musl);
/* The files that the loader may load as the stub: of `library`, for all architectures, and those
 * that LD_PRELOAD names. */
void library_stubs(const char *library, struct supervisor_stubs *stubs);
/* The path of the engine beside this library, or of the installed one. NULL: there is none. Static
 * storage. */
const char *library_engine(const char *library);

/* ---- loader.c ---- */

/*
 * What a dynamic loader would load for a file in our environment, by its own list (--list): its
 * standard output and error, to be freed. No instruction of the file is executed. `options`, or
 * NULL, are more arguments for the loader; they end before the first that is not an option. NULL:
 * see errno.
 */
char *loader_list(const char *loader, char *const options[], const char *path);

/* ---- prove.c ---- */

/*
 * Asks the program's own loader what it would load (ld.so --list), without running the program.
 * False: the shim would not be loaded, and `why` says why.
 */
bool prove_rehearse(const struct program *program, char *why, size_t size);
/*
 * Starts a watcher process that is not our child. Call this just before the program is executed.
 * The watcher waits until the stub in this process proves that it was loaded. If that fails, it
 * says so and, if `strict`, kills the program. Sets ECHSHIM_LAUNCHER; `follow` is its first word
 * (shim/stub/launcher_proof.h). False: standard error has one sentence on it.
 */
bool prove_watch(const char *name, bool strict, const char *follow);
/* Tells the watcher that the program could not be executed. */
void prove_give_up(void);

/* ---- execute.c ---- */

/* Sets SIGCHLD back to its default, until the program is executed. Call this before a child is
 * made. */
void execute_begin(void);
/* Says that the program is not run, and why. Returns EXIT_REFUSED. */
int execute_refuse(const struct program *program, const char *why);
/* What the stub does about programs that it will not be in: the first word of ECHSHIM_LAUNCHER, or
 * NULL for nothing. */
const char *execute_follow(const struct program *program, const struct options *options);
/* The last step: starts the watcher and the supervisor, and executes the program. Returns only on
 * failure: an exit code; standard error has one sentence on it. */
int execute_watched(const struct program *program, const struct options *options);

/* ---- go_program.c ---- */

/* The way that a Go program goes, and its plan (tools/echshim/go/plan.h), which lives as long as
 * the process. NONE: it is no Go program. The first call reads the file. */
enum go_way go_program_way(const struct program *program, const struct go_plan **plan);
/* Do the mode and ECHSHIM_GO want the ECH of Go programs to be switched on? */
bool go_program_may_be_led(const struct program *program);
/* Shall the ECH of this one be switched on? */
bool go_program_is_led(const struct program *program);
/*
 * This process is held by a supervisor and will execute the program: puts it under a leader
 * (tools/echshim/detour/lead.h). False: *why says why not.
 */
bool go_program_lead(const struct program *program, const char **why);

/* ---- run.c ---- */

/* Executes the program. Returns only on failure: an exit code; standard error has one sentence on
 * it. */
int run_program(struct program *program, const struct options *options);

/* ---- wait.c ---- */

/* Does something of --report and --watch need a parent that stays? */
bool options_stay(const struct options *options);
/* Runs the program as a child, passes on signals, stops and its end, and shows the handshakes. Ends
 * as the program ended, perhaps by a signal; returns an exit code otherwise. */
int wait_for_program(const struct program *program, const struct options *options);

/* ---- journal.c ---- */

/* Sends the report's lines to the journal, as the shim would have done. False, with errno: the
 * journal cannot be reached. */
bool journal_send(FILE *report);

/* ---- inspect.c ---- */

/* Says what the program uses for TLS, and what the shim will do. 0, or EXIT_REFUSED if the shim
 * cannot be loaded into it. The program is not run. */
int inspect_print(const struct program *program, const struct options *options);

#endif
