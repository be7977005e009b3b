/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the launcher share. The order of things: options, what the program is
 * (echshim_program), where the libraries are (echshim_library), a rehearsal by the dynamic loader
 * and the proof (echshim_prove), and then exec; with --report a parent stays (echshim_wait) and
 * prints a table (echshim_table).
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

#define ECHSHIM "echshim"
#define LIBRARY_NAME "libechshim.so"

/* As of env(1) and nohup(1), and one of our own: the number of TLS's alert ech_required. */
enum {
    EXIT_BAD_CONF = 1,    /* --check-config: there is something wrong */
    EXIT_REFUSED = 121,   /* strict: the shim cannot be in the program */
    EXIT_OWN = 125,       /* options, settings, memory: the launcher itself */
    EXIT_NOT_RUN = 126,   /* found, and cannot be executed */
    EXIT_NOT_FOUND = 127, /* no such program */
};

/* ---- options.c ---- */

enum action { ACTION_RUN, ACTION_INSPECT, ACTION_CHECK_CONF, ACTION_HELP, ACTION_VERSION };

struct options {
    enum action action;
    bool table; /* --report: print one at the end */
    bool json;
    bool quiet; /* no warnings, and what the program executes is not looked at */
    enum say_color color;
    char **program; /* the arguments that are left: a program and its own, or the file to check;
                       ends with NULL */
};

/*
 * Reads the arguments. Settings become variables of this process's environment (ECHSHIM_*), which
 * the program inherits; each value is checked first. 0, or an exit code after one sentence on
 * standard error.
 */
int options_parse(struct options *options, int argc, char *argv[]);
/* Why a value of this setting cannot be used, as a sentence without its stop; NULL: it can. */
const char *options_check(enum shim_conf_key key, const char *value);
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
    size_t culprit;              /* the file that `reach` speaks of */
    char *const *loader_options; /* of a dynamic loader that is run by name; else NULL */
    bool covered;                /* another architecture, whose library is there as well */
    bool clean;                  /* an env in the chain cleans the environment (-i, -u) */
    bool shell;                  /* neither ELF nor #!: /bin/sh runs it, as execvp does */
};

/* Finds a program as execvp does, and looks at it; argv, which ends with NULL, is the program's
 * name and its arguments. 0, EXIT_NOT_RUN or EXIT_NOT_FOUND after one sentence on standard error.
 */
int program_find(struct program *program, char *const argv[]);
/* Why a preload cannot work in it, as a sentence without its stop; NULL where it can. */
const char *program_obstacle(const struct program *program, char *out, size_t size);

/* ---- conf.c ---- */

/* The mode in which the program will run, where no host is known: asked of environment and files at
 * the first call. */
enum shim_mode conf_mode(const struct program *program);
/*
 * Where the program's report goes: a copy, or NULL for nowhere. False, after one sentence: that is
 * locked, so that no report comes to the launcher.
 */
bool conf_report(const struct program *program, char **report);
/* What is wrong with the files, on standard error. */
void conf_say_problems(const struct program *program);
/* Checks the files that count here or, if it is not NULL, this one. Prints what there is; an exit
 * code. */
int conf_check(const char *file);

/* ---- library.c ---- */

/* Writes the stub's path: beside the launcher (where make built both), in the folder lib beside the
 * launcher's, or where it was installed; with $LIB in it where the other word size is installed as
 * well. False after one sentence. */
bool library_find(char out[PATH_MAX]);
/* A library of another architecture for this program? */
bool library_covers(const char *library, const struct shim_executable *image);
/* Puts the library into LD_PRELOAD of our own environment, with all that is there already. False
 * after one sentence. */
bool library_preload(const char *library);

/* ---- loader.c ---- */

/*
 * What a dynamic loader says (--list) that it would load for a file, in our environment: its
 * standard output and error, to be freed. No instruction of the file is executed. `options` are
 * more for the loader, up to the first that is no option, or NULL. NULL: errno tells.
 */
char *loader_list(const char *loader, char *const options[], const char *path);

/* ---- prove.c ---- */

/*
 * Lets the program's own loader list what it would load, without a single instruction of the
 * program (ld.so --list). False: the shim would not be among it; `why` is filled in.
 */
bool prove_rehearse(const struct program *program, char *why, size_t size);
/*
 * A watcher process of nobody's: it waits until the stub in this process, which will execute the
 * program at once, has proved that it lives. Otherwise it says so and, if `strict`, kills the
 * program. Gives ECHSHIM_LAUNCHER its value. False after one sentence.
 */
bool prove_watch(const char *name, bool strict);
/* The program could not be executed after all. */
void prove_give_up(void);

/* ---- execute.c ---- */

/* Before the program is executed, and before a child is made: SIGCHLD does what it usually does
 * until then. */
void execute_begin(void);
/* The last step: the watcher and exec. Returns only an exit code, after one sentence. */
int execute_watched(const struct program *program, const struct options *options);

/* ---- run.c ---- */

/* Executes; returns only an exit code, after one sentence. */
int run_program(struct program *program, const struct options *options);

/* ---- wait.c ---- */

/* Runs it as a child, with signals, stops and the end handed on; prints the table. Ends as the
 * program ended, also by signal; else an exit code. */
int wait_for_program(const struct program *program, const struct options *options);

/* ---- journal.c ---- */

/* Sends the report's lines to the journal as the entries that they would have been. False, with
 * errno: the journal cannot be told. */
bool journal_send(FILE *report);

/* ---- table.c ---- */

/* The report's lines as a table, or as JSON lines. False: a line was none of ours and left out. */
bool table_print(FILE *out, FILE *report, bool json, bool color);

/* ---- inspect.c ---- */

/* What the program does about TLS, and what the shim will do. 0, or EXIT_REFUSED if the shim cannot
 * be in it. The program is not run. */
int inspect_print(const struct program *program, const struct options *options);

#endif
