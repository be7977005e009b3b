/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Real programs with TLS inside, of npm and Debian: what they need to make a connection. */
#ifndef TESTS_TOOLS_LAUNCHER_INSIDE_PROGRAMS_H
#define TESTS_TOOLS_LAUNCHER_INSIDE_PROGRAMS_H

#include "tests/preload/world.h"

#define URL "https://" INNER_NAME "/"
#define GH_SAYS "api --hostname " INNER_NAME " user"
#define RCLONE_SAYS                                                                                \
    "lsf --contimeout 5s --retries 1 --low-level-retries 1 --http-url " URL " :http:"
#define RESTIC_SAYS "-r rest:" URL " --no-cache cat config"

#define CHECKED_FETCH "console.log(await (await fetch(\"" URL "\")).text())"

#define CODEX_SAYS                                                                                 \
    "exec --skip-git-repo-check -c model_provider=x -c "                                           \
    "'model_providers.x={name=\"x\",base_url=\"" URL "v1\",env_key=\"OPENAI_API_KEY\"}' hello"
#define COPILOT_SAYS "--allow-all-tools -p hello"
#define SENTRY_SAYS "--url " URL " --auth-token sntrys_x info"
#define TURBO_SAYS "--api " URL " --token x --team t link --yes"
#define OPENCODE_SAYS "run --model x/y hello"
#define WORKERD_SAYS "test \"$HOME/worker.capnp\""
#define CARGO_SAYS "search --index sparse+" URL " x"

/* For the programs that take the server's name from their environment. %s: the folder of the
 * programs. */
#define ENVIRONMENT                                                                                \
    "env LD_LIBRARY_PATH='%s/lib' RESTIC_PASSWORD=x GH_ENTERPRISE_TOKEN=x "                        \
    "ANTHROPIC_BASE_URL=" URL " ANTHROPIC_API_KEY=x OPENAI_BASE_URL=" URL "v1 OPENAI_API_KEY=x "   \
    "COPILOT_PROVIDER_BASE_URL=" URL "v1 COPILOT_PROVIDER_API_KEY=x COPILOT_MODEL=x "              \
    "COPILOT_OFFLINE=true "                                                                        \
    "GOROOT=\"$HOME\" GOPROXY=" URL " GOTOOLCHAIN=local "                                          \
    "CODEX_API_KEY=x OPENCODE_CONFIG=\"$HOME/opencode.json\" timeout 60 "

/* Writes a file into the world's folder, and makes the folders in its name. */
void inside_write_file(const struct world *world, const char *name, const char *text);
/* Writes the files that some of the programs read. */
void inside_write_configurations(const struct world *world);
/* The program's path, in static storage: `name` is a path or a file of `make inside-programs`.
 * NULL: it is not there. */
const char *inside_path(const char *name);
/* In static storage; "-" if the program does not say it. */
char *inside_version(const char *path);

#endif
