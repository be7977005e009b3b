/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/echshim/echshim.h"

/* ---- finding the program ---- */

/* 0, or the errno that an exec would end with. */
static int executable(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return errno;
    }
    if (S_ISDIR(status.st_mode)) {
        return EISDIR;
    }
    return !S_ISREG(status.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0 ? EACCES
                                                                                        : 0;
}

/* As execvp: takes the first one that can be executed. If there is none, EACCES wins over ENOENT.
 */
static int search_path(const char *name, char out[PATH_MAX])
{
    const char *path = getenv("PATH");
    int problem = ENOENT;
    if (path == NULL) {
        path = "/bin:/usr/bin";
    }
    for (;;) {
        size_t folder = strcspn(path, ":");
        int length =
            snprintf(out, PATH_MAX, "%.*s%s%s", (int)folder, path, folder > 0 ? "/" : "./", name);
        int found = length > 0 && length < PATH_MAX ? executable(out) : ENAMETOOLONG;
        if (found == 0) {
            return 0;
        }
        if (found == EACCES) {
            problem = EACCES;
        }
        if (path[folder] == '\0') {
            return problem;
        }
        path += folder + 1;
    }
}

static int find_file(const char *name, char out[PATH_MAX])
{
    if (*name == '\0') {
        return ENOENT;
    }
    if (strchr(name, '/') == NULL) {
        return search_path(name, out);
    }
    if (strlen(name) >= PATH_MAX) {
        return ENAMETOOLONG;
    }
    memcpy(out, name, strlen(name) + 1);
    return executable(out);
}

/* ---- what kind of file it is ---- */

static struct program_file *append(struct program *program, const char *path)
{
    if (program->count == PROGRAM_CHAIN || strlen(path) >= PATH_MAX) {
        return NULL;
    }
    struct program_file *file = &program->chain[program->count++];
    memcpy(file->path, path, strlen(path) + 1);
    return file;
}

static bool is_named(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash != NULL ? slash + 1 : path, name) == 0;
}

/*
 * What `env`, as the interpreter of a script, executes: the first word that is neither an option
 * nor an assignment. With -S the argument holds several words; without it, one.
 */
static bool env_target(struct program *program, const char *argument,
                       char out[SHIM_EXECUTABLE_LINE])
{
    char words[SHIM_EXECUTABLE_LINE];
    memcpy(words, argument, strlen(argument) + 1);
    char *rest = words;
    bool split = strncmp(words, "-S", 2) == 0 || strncmp(words, "-vS", 3) == 0 ||
                 strncmp(words, "--split-string", strlen("--split-string")) == 0;
    for (char *word = split ? strsep(&rest, " \t") : words; word != NULL;
         word = split ? strsep(&rest, " \t") : NULL) {
        if (strncmp(word, "-S", 2) == 0 && word[2] != '\0') {
            word += 2;
        }
        if (strcmp(word, "-i") == 0 || strcmp(word, "-") == 0 ||
            strcmp(word, "--ignore-environment") == 0 || strncmp(word, "-u", 2) == 0) {
            program->clean = true;
        }
        if (*word != '\0' && *word != '-' && strchr(word, '=') == NULL) {
            memmove(out, word, strlen(word) + 1);
            return true;
        }
    }
    return false;
}

/* Is its name that of a file which programs load? */
static bool is_named_as_module(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *library = strstr(name, ".so");
    size_t length = strlen(name);
    return (length > 5 && strcmp(name + length - 5, ".node") == 0) ||
           (library != NULL && (library[3] == '\0' || library[3] == '.'));
}

bool program_find_module(struct program *program, const char *path)
{
    struct stat status;
    if (strchr(path, '/') == NULL || strlen(path) >= PATH_MAX || !is_named_as_module(path) ||
        stat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
        return false;
    }
    memcpy(program->path, path, strlen(path) + 1);
    program->module = append(program, path) != NULL;
    program->reach = SHIM_PRELOADABLE_YES; /* the shim is in the program that loads it, or not */
    return program->module;
}

/* Follows a script to its interpreter, and on through env. */
static bool next_file(struct program *program, const struct program_file *file, char out[PATH_MAX])
{
    char word[SHIM_EXECUTABLE_LINE];
    if (file->image.kind == SHIM_EXECUTABLE_SCRIPT) {
        memcpy(out, file->image.interpreter, sizeof file->image.interpreter);
        return true;
    }
    if (program->count < 2 || !is_named(file->path, "env")) {
        return false;
    }
    const struct program_file *script = file - 1;
    return script->image.kind == SHIM_EXECUTABLE_SCRIPT &&
           env_target(program, script->image.argument, word) && find_file(word, out) == 0;
}

static void look_along(struct program *program)
{
    char next[PATH_MAX];
    struct program_file *file = append(program, program->path);
    while (file != NULL) {
        program->culprit = program->count - 1;
        program->reach = shim_preloadable_step(AT_FDCWD, file->path, 0, &file->image);
        if (shim_preloadable_text(program->reach) != NULL || !next_file(program, file, next)) {
            return;
        }
        file = append(program, next);
    }
    program->reach = SHIM_PRELOADABLE_CHAIN;
}

/* The dynamic loader is run by name: the program is what it loads. */
static void look_at_loaded(struct program *program, char *const argv[])
{
    const char *name = program->count == 1 ? shim_preloadable_loader_program(argv) : NULL;
    struct program_file *file = name != NULL ? append(program, name) : NULL;
    program->reach = SHIM_PRELOADABLE_YES;
    if (file != NULL) {
        program->culprit = program->count - 1;
        program->reach = shim_preloadable_loaded(name, &file->image);
        program->loader_options = argv + 1;
    }
}

int program_find(struct program *program, char *const argv[])
{
    const char *name = argv[0];
    *program = (struct program){.reach = SHIM_PRELOADABLE_YES};
    int problem = find_file(name, program->path);
    if (problem != 0) {
        bool missing = problem == ENOENT || problem == ENOTDIR;
        say(ECHSHIM, missing ? "%s: there is no such program" : "%s: it cannot be executed: %s",
            name, strerror(problem));
        return missing ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
    }
    look_along(program);
    if (program->reach == SHIM_PRELOADABLE_LOADER) {
        look_at_loaded(program, argv);
    }
    if (program->reach == SHIM_PRELOADABLE_FORMAT && program->count == 1) {
        /* execvp runs such a file with the shell. */
        program->shell = true;
        if (append(program, "/bin/sh") != NULL) {
            program->culprit = 1;
            program->reach =
                shim_preloadable_step(AT_FDCWD, "/bin/sh", 0, &program->chain[1].image);
        }
    }
    if (program->reach == SHIM_PRELOADABLE_MISSING) {
        say(ECHSHIM, "%s: it cannot be executed: its interpreter %s is missing", name,
            program->chain[program->culprit].path);
        return EXIT_NOT_RUN;
    }
    return 0;
}

const char *program_obstacle(const struct program *program, char *out, size_t size)
{
    const char *why = shim_preloadable_text(program->reach);
    const char *path = program->chain[program->culprit].path;
    if (why != NULL && !program->covered) {
        (void)snprintf(out, size, "%s: %s", path, why);
        return out;
    }
    if (program->clean) {
        (void)snprintf(out, size, "%s: its first line cleans the environment", program->path);
        return out;
    }
    return NULL;
}

bool program_can_be_held(const struct program *program)
{
    return shim_preloadable_can_be_held(program->reach);
}
