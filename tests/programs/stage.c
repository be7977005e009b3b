/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/preload/require.h"
#include "tests/preload/sniff.h"

enum {
    RUN_SECONDS = 40,
    KILL_ROUNDS = 50,
    SERVICE_PORT = 1000,
    BEFORE_PORT = 1001,
    ENVIRONMENT = 6,
    SETTINGS = 4,
    FAR_MS = 10
};

struct stage {
    struct world *world;
    const struct program *program;
    /* For every run: NAME=VALUE. */
    char *environment[ENVIRONMENT + 1];
    char library[32];
};

static struct stage the_stage;

bool package_version(const char *package, char version[static 64])
{
    char command[512];
    const char *root = getenv("ECHSHIM_TEST_CHROOT");
    char status[32] = "";
    snprintf(command, sizeof command,
             "dpkg-query --admindir=%s/var/lib/dpkg -W -f '${db:Status-Status} ${Version}\\n' '%s' "
             "2>/dev/null",
             root != NULL ? root : "", package);
    FILE *in = popen(command, "re");
    require(in != NULL, "dpkg-query: %s", strerror(errno));
    /* A pattern may name several, of which one is installed. */
    bool found = false;
    char line[128];
    while (!found && fgets(line, sizeof line, in) != NULL) {
        found = sscanf(line, "%31s %63s", status, version) == 2 && strcmp(status, "installed") == 0;
    }
    pclose(in);
    return found;
}

/* ---- the world ---- */

/* Most programs have no setting for a trust anchor, only the system's bundle. */
static void trust_in_system(const struct world *world)
{
    char bundle[PATH_MAX];
    snprintf(bundle, sizeof bundle, "%s/etc/ssl/certs/ca-certificates.crt", world->root);
    require(mount(world->ca, bundle, NULL, MS_BIND, NULL) == 0, "%s: %s", bundle, strerror(errno));
}

static void start_service(struct world *world, const struct program *program)
{
    char port[16];
    char script[PATH_MAX];
    snprintf(port, sizeof port, "%d", SERVICE_PORT);
    require(realpath("tests/programs/services.py", script) != NULL, "%s", strerror(errno));
    char *const argv[] = {"/usr/bin/python3", script, (char *)(size_t)program->service, port,
                          world->pki,         NULL};
    world_spawn(world, "service", "listening ", argv);
}

/* A server without ECH, which speaks for itself. */
static void start_starttls(struct world *world, const struct world_options *options)
{
    start_service(world, options->peer);
    snprintf(world->server_address, sizeof world->server_address, "127.0.0.3:%d", SERVICE_PORT);
}

/* The ECH server, behind one that speaks what goes before TLS. */
static void start_behind(struct world *world, const struct world_options *options)
{
    const struct program *program = options->peer;
    char port[16];
    char script[PATH_MAX];
    char server[sizeof world->server_address];
    world_start_server(world, options);
    snprintf(server, sizeof server, "%s", world->server_address);
    snprintf(port, sizeof port, "%d", BEFORE_PORT);
    require(realpath("tests/programs/services.py", script) != NULL, "%s", strerror(errno));
    char *const argv[] = {"/usr/bin/python3",
                          script,
                          (char *)(size_t)program->before_tls,
                          port,
                          "--before",
                          server,
                          NULL};
    world_spawn(world, "before", "listening ", argv);
    snprintf(world->server_address, sizeof world->server_address, "127.0.0.3:%d", BEFORE_PORT);
}

static void set_environment(struct stage *stage)
{
    char scripts[PATH_MAX];
    unsigned port = stage->program->port != 0 ? stage->program->port : 443;
    char **out = stage->environment;
    require(realpath("tests/programs/scripts", scripts) != NULL, "%s", strerror(errno));
    bool made = asprintf(out++, "HOST=" INNER_NAME) > 0 && asprintf(out++, "PORT=%u", port) > 0 &&
                asprintf(out++, "URL=https://" INNER_NAME "/") > 0 &&
                asprintf(out++, "SCRIPTS=%s", scripts) > 0 &&
                asprintf(out++, "PATH=/usr/bin:/bin:/usr/sbin:/sbin:/usr/games") > 0 &&
                asprintf(out++, "ECHSHIM_PORTS=%u", stage->program->starttls ? 443 : port) > 0;
    require(made, "out of memory");
}

struct stage *stage_start(const struct program *program, enum key key)
{
    struct stage *stage = &the_stage;
    struct world_options options = {.stale_config = key == KEY_STALE,
                                    .no_https_record = key == KEY_NONE,
                                    .port = program->port,
                                    .delay_ms = program->far ? FAR_MS : 0};
    if (program->starttls) {
        options.no_https_record = true;
        options.start_server = start_starttls;
        options.peer = program;
    } else if (program->service != NULL) {
        options.server_arguments[0] = "--forward";
        options.server_arguments[1] = "127.0.0.3:1000";
    }
    if (program->before_tls != NULL) {
        options.start_server = start_behind;
        options.peer = program;
    }
    stage->program = program;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    stage->world = world_start(&options);
    stage->world->run_seconds = RUN_SECONDS;
    /* Programs that change their user must still reach their files here. */
    chmod(stage->world->folder, 0755);
    trust_in_system(stage->world);
    sniff_start();
    if (program->service != NULL && !program->starttls) {
        start_service(stage->world, program);
    }
    set_environment(stage);
    if (program->prepare != NULL) {
        struct run_result result =
            world_shell(stage->world, RUN_PLAIN, stage->environment, program->prepare);
        require(result.exit_code == 0, "%s: preparation: %s%s", program->name, result.out,
                result.err);
    }
    return stage;
}

/* ---- what a run leaves behind ---- */

static bool is_peer(const struct world *world, pid_t pid)
{
    for (size_t i = 0; i < world->child_count; i++) {
        if (world->children[i] == pid) {
            return true;
        }
    }
    return false;
}

static pid_t parent_of(pid_t pid)
{
    char name[64];
    char line[512] = "";
    int parent = 0;
    snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
    FILE *in = fopen(name, "re");
    if (in != NULL) {
        if (fgets(line, sizeof line, in) != NULL && strrchr(line, ')') != NULL) {
            sscanf(strrchr(line, ')'), ") %*c %d", &parent);
        }
        fclose(in);
    }
    return (pid_t)parent;
}

/* Kills the children that are not peers; orphans become our children then. Returns their number. */
static unsigned kill_children(const struct world *world)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc");
    require(folder != NULL, "/proc: %s", strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        pid_t pid = (pid_t)atoi(entry->d_name);
        if (pid > 0 && parent_of(pid) == getpid() && !is_peer(world, pid)) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
            count++;
        }
    }
    closedir(folder);
    return count;
}

static void clear_records(const struct world *world)
{
    char name[512];
    snprintf(name, sizeof name, "%s/wire", world->folder);
    DIR *folder = opendir(name);
    require(folder != NULL, "%s: %s", name, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    /* Made before the program starts: the program may report as another user. */
    snprintf(name, sizeof name, "%s/report", world->folder);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    require(fd >= 0 && fchmod(fd, 0666) == 0, "%s: %s", name, strerror(errno));
    close(fd);
}

/* ---- what a run shows ---- */

/* No report tells of a program that takes no preload: the launcher let it go, or it held it. */
static void add_launched(struct run_seen *seen)
{
    if (*seen->outcomes == '\0') {
        outcome_add(seen->outcomes, seen->exit_code != 0 ? "refused" : "plain", "launcher", false);
    }
}

static void read_line(struct stage *stage, const char *line, struct run_seen *seen)
{
    json_t *parsed = json_loads(line, 0, NULL);
    require(parsed != NULL, "not JSON: %s", line);
    const char *host = json_string_value(json_object_get(parsed, "host"));
    const char *outcome = json_string_value(json_object_get(parsed, "outcome"));
    const char *library = json_string_value(json_object_get(parsed, "library"));
    if (outcome != NULL && (host == NULL || strcmp(host, INNER_NAME) == 0)) {
        outcome_add(seen->outcomes, outcome, json_string_value(json_object_get(parsed, "reason")),
                    json_integer_value(json_object_get(parsed, "retries")) > 0);
        if (library != NULL) {
            snprintf(stage->library, sizeof stage->library, "%s", library);
        }
    }
    json_decref(parsed);
}

static void read_report(struct stage *stage, struct run_seen *seen)
{
    char *text = world_read(stage->world, "report", NULL);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        read_line(stage, line, seen);
    }
    free(text);
}

static bool has_setting(char *const settings[], const char *start)
{
    for (size_t i = 0; settings != NULL && settings[i] != NULL; i++) {
        if (strncmp(settings[i], start, strlen(start)) == 0) {
            return true;
        }
    }
    return false;
}

void stage_run(struct stage *stage, char *const settings[], struct run_seen *seen)
{
    char *extra[ENVIRONMENT + SETTINGS + 2] = {0};
    char **last = &extra[ENVIRONMENT];
    memcpy(extra, stage->environment, sizeof stage->environment);
    for (size_t i = 0; settings != NULL && settings[i] != NULL; i++) {
        require(i < (size_t)SETTINGS);
        *last++ = settings[i];
    }
    clear_records(stage->world);
    unsigned questions = sniff_queries_below(INNER_NAME);
    char *const argv[] = {"bash", "-o", "pipefail", "-c", (char *)(size_t)stage->program->command,
                          NULL};
    char launch[PATH_MAX + 32] = "LAUNCH=";
    if (stage->program->launched && settings != NULL) {
        snprintf(launch, sizeof launch, "LAUNCH=env LD_PRELOAD= %.*s/echshim -q --",
                 (int)(strrchr(stage->world->library, '/') - stage->world->library),
                 stage->world->library);
    }
    *last = launch;
    struct run_result result =
        world_run(stage->world, settings != NULL ? RUN_SHIM : RUN_PLAIN, extra, argv);
    for (int round = 0; round < KILL_ROUNDS && kill_children(stage->world) > 0; round++) {
    }
    seen->exit_code = result.exit_code;
    seen->timed_out = result.timed_out;
    seen->out = result.out;
    seen->err = result.err;
    seen->visible = world_wire_count(stage->world, INNER_NAME) > 0 ||
                    (has_setting(settings, "ECHSHIM_RESOLVER=tls:") &&
                     sniff_queries_below(INNER_NAME) != questions);
    read_report(stage, seen);
    if (stage->program->launched && settings != NULL) {
        add_launched(seen);
    }
}

const char *stage_library(const struct stage *stage)
{
    return stage->library[0] != '\0' ? stage->library : "-";
}
