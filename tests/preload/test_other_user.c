/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that change their user: what an unreadable file means then, and that strict mode is not
 * lost on the way. */
#include "checks.h"
#include "require.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(other_user, .fini = world_end, .timeout = 120);

#define NOBODY "setpriv --reuid=65534 --regid=65534 --clear-groups "
/* This user may not write files: the report goes to standard error. */
#define CURL_TELLS "curl -sSk " URL
#define REPORT "ECHSHIM_REPORT=fd:2"

/* HOME is its own folder, which only root may search. */
static struct world *start(const struct world_options *options, const char *text, char home[200])
{
    struct world *world = world_start(options);
    static const char *const folders[] = {"", "/.config", "/.config/echshim"};
    char name[300];
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(name, sizeof name, "%s/home%s", world->folder, folders[i]);
        require(mkdir(name, 0700) == 0, "%s: %s", name, strerror(errno));
    }
    snprintf(home, 200, "HOME=%s/home", world->folder);
    if (text != NULL) {
        snprintf(name, sizeof name, "%s/home/.config/echshim/echshim.conf", world->folder);
        FILE *file = fopen(name, "w");
        require(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, "%s", name);
    }
    world_open_to_all(world);
    return world;
}

/* Whether a program can give up its rights here. */
static bool can_be_nobody(struct world *world)
{
    struct run_result result = world_shell(world, RUN_PLAIN, NULL, NOBODY "true");
    if (result.exit_code != 0) {
        fprintf(stderr, "other_user: skipped: rights cannot be given up here\n");
    }
    return result.exit_code == 0;
}

static void check(const struct world_options *options, const char *text, const char *command,
                  int exit_code, const char *said)
{
    char home[200];
    struct world *world = start(options, text, home);
    if (!can_be_nobody(world)) {
        return;
    }
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){home, REPORT, NULL}, command);
    expect_exit(&result, exit_code, said);
    if (exit_code != 0) {
        world_expect_hidden(world);
    }
}

#define WITHOUT_RECORD (&(struct world_options){.no_https_record = true})
#define GREASE "\"mode\":\"opportunistic\",\"outcome\":\"grease\""
#define REFUSED "\"mode\":\"strict\",\"outcome\":\"refused\""

Test(other_user, without_any_file_nothing_is_strict)
{
    check(WITHOUT_RECORD, NULL, NOBODY CURL_TELLS, 0, GREASE);
}

Test(other_user, a_file_of_the_user_before_is_not_for_this_one)
{
    check(WITHOUT_RECORD, "[default]\nmode = grease\n", NOBODY CURL_TELLS, 0, GREASE);
}

/* The first user runs under the shim too, which has read the file. */
Test(other_user, strict_stays_strict)
{
    check(WITHOUT_RECORD, "[default]\nmode = strict\n", NOBODY CURL_TELLS, 35, REFUSED);
}

Test(other_user, a_strict_host_stays_strict)
{
    check(WITHOUT_RECORD, "[host \"" INNER_NAME "\"]\nmode = strict\n", NOBODY CURL_TELLS, 35,
          REFUSED);
}

Test(other_user, other_hosts_stay_as_they_are)
{
    check(WITHOUT_RECORD, "[host \"other.example\"]\nmode = strict\n", NOBODY CURL_TELLS, 0,
          GREASE);
}

Test(other_user, a_program_of_the_first_user_that_is_strict)
{
    check(WITHOUT_RECORD, "[program \"setpriv\"]\nmode = strict\n", NOBODY CURL_TELLS, 35, REFUSED);
}

Test(other_user, a_file_that_cannot_be_understood_stays_strict)
{
    check(WITHOUT_RECORD, "[defualt]\nmode = off\n", NOBODY CURL_TELLS, 35, REFUSED);
}

/* The program changes its user twice, with a shell in between. */
Test(other_user, over_several_programs)
{
    check(WITHOUT_RECORD, "[default]\nmode = strict\n",
          "sh -c 'setpriv --reuid=65533 --regid=65533 --clear-groups --inh-caps=-all "
          "sh -c \"" CURL_TELLS "\"'",
          35, REFUSED);
}

/* The program passes on only these variables. */
#define PYTHON(call)                                                                               \
    "/usr/bin/python3 -c 'import os, subprocess\n"                                                 \
    "kept = {k: v for k, v in os.environ.items() if k in (\"LD_PRELOAD\", \"HOME\", \"PATH\", "    \
    "\"ECHSHIM_REPORT\", \"ECHSHIM_RESOLVER\", \"ECHSHIM_PRIVATE\", \"ECHSHIM_CA_FILE\")}\n" call  \
    "'"
#define ARGUMENTS "[\"curl\", \"-sSk\", \"" URL "\"]"

Test(other_user, in_an_environment_of_the_program)
{
    check(WITHOUT_RECORD, "[default]\nmode = strict\n",
          PYTHON("os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
                 "os.execve(\"/usr/bin/curl\", " ARGUMENTS ", kept)"),
          35, REFUSED);
}

Test(other_user, in_an_environment_of_the_program_by_spawn)
{
    check(WITHOUT_RECORD, "[default]\nmode = strict\n",
          PYTHON("os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
                 "pid = os.posix_spawn(\"/usr/bin/curl\", " ARGUMENTS ", kept)\n"
                 "os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"),
          35, REFUSED);
}

/* If the user stays the same the shim goes by the file as it is now. */
Test(other_user, the_same_user_reads_the_file_again)
{
    check(WITHOUT_RECORD, "[default]\nmode = strict\n",
          "sh -c 'echo > $HOME/.config/echshim/echshim.conf; exec " CURL_TELLS "'", 0, GREASE);
}

/* The environment still takes precedence over any file. */
Test(other_user, the_environment_wins)
{
    check(WITHOUT_RECORD, "[default]\nmode = strict\n",
          "ECHSHIM_MODE=opportunistic " NOBODY CURL_TELLS, 0, GREASE);
}

/* The file exists and is unreadable: it might say anything, so the shim refuses. */
Test(other_user, a_file_that_is_there_and_cannot_be_read)
{
    check(WITHOUT_RECORD, "[default]\nmode = off\n",
          "chmod 755 $HOME $HOME/.config $HOME/.config/echshim; "
          "chmod 600 $HOME/.config/echshim/echshim.conf; " NOBODY CURL_TELLS,
          35, REFUSED);
}

Test(other_user, a_named_file_that_cannot_be_read)
{
    check(WITHOUT_RECORD, "[default]\nmode = off\n",
          "ECHSHIM_CONF=$HOME/.config/echshim/echshim.conf " NOBODY CURL_TELLS, 35, REFUSED);
}

/* A user's own folder that he may not search counts as an unreadable file. */
Test(other_user, a_folder_of_ones_own_that_cannot_be_searched)
{
    check(WITHOUT_RECORD, NULL, "chown -R 65534 $HOME; chmod 000 $HOME/.config; " NOBODY CURL_TELLS,
          35, REFUSED);
}

/* The shim loads the engine at the first use of TLS: by then the program may have lost the right to
 * read it. */
Test(other_user, an_engine_that_cannot_be_read)
{
    char home[200];
    struct world *world = start(WITHOUT_RECORD, NULL, home);
    if (!can_be_nobody(world)) {
        return;
    }
    struct run_result result =
        world_shell(world, RUN_SHIM, (char *[]){home, REPORT, "ECHSHIM_MODE=strict", NULL},
                    "/usr/bin/python3 -c 'import os, urllib.request\n"
                    "os.chmod(\".\", 0o700)\nos.setgid(65534)\nos.setuid(65534)\n"
                    "urllib.request.urlopen(\"" URL "\")'");
    expect_exit(&result, 1, "");
    cr_assert_not_null(
        strstr(result.err, "this user may not read it): TLS connections are refused"), "%s",
        result.err);
    world_expect_hidden(world);
}
