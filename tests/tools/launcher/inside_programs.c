/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/tools/launcher/inside_programs.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/tools/launcher/tool.h"

void inside_write_file(const struct world *world, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

void inside_write_configurations(const struct world *world)
{
    inside_write_file(world, "worker.capnp",
                      "using Workerd = import \"/workerd/workerd.capnp\";\n"
                      "const config :Workerd.Config = (services = [\n"
                      "  (name = \"main\", worker = .worker),\n"
                      "  (name = \"internet\", network = (allow = [\"public\", \"private\"], "
                      "tlsOptions = (trustBrowserCas = true)))]);\n"
                      "const worker :Workerd.Worker = (compatibilityDate = \"2024-01-01\",\n"
                      "  modules = [(name = \"worker\", esModule = embed \"worker.js\")]);\n");
    inside_write_file(world, "worker.js",
                      "export default { async test() { await fetch(\"" URL "\") } }\n");
    inside_write_file(world, "opencode.json",
                      "{\"provider\":{\"x\":{\"npm\":\"@ai-sdk/openai-compatible\",\"options\":{"
                      "\"baseURL\":\"" URL "\",\"apiKey\":\"x\"},\"models\":{\"y\":{}}}}}\n");
    /* caddy gets its configuration from the server, hugo a part of a page. */
    inside_write_file(world, "caddy.json",
                      "{\"admin\":{\"disabled\":true,\"config\":{\"load\":{\"module\":\"http\","
                      "\"url\":\"" URL "\"}}}}\n");
    inside_write_file(
        world, "site/hugo.toml",
        "disableKinds = [\"taxonomy\", \"term\"]\n[security.http]\nurls = [\".*\"]\n");
    inside_write_file(world, "site/layouts/index.html",
                      "{{ with resources.GetRemote \"" URL "\" }}{{ .Content }}{{ end }}\n");
}

const char *inside_path(const char *name)
{
    static char path[1024];
    const char *folder = getenv("ECHSHIM_INSIDE");
    snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : folder, name[0] == '/' ? "" : "/",
             name);
    if (strcmp(name, "cargo") == 0 && access(path, X_OK) != 0) {
        snprintf(path, sizeof path, "/usr/bin/cargo");
    }
    return access(path, X_OK) == 0 ? path : NULL;
}

char *inside_version(const char *path)
{
    static char script[] =
        "export GOROOT=/ LD_LIBRARY_PATH=\"${0%/*}/lib\"; said=$(timeout 20 \"$0\" "
        "--version 2>&1 </dev/null) "
        "|| said=$(timeout 20 \"$0\" version 2>&1); echo \"$said\" | "
        "grep -o '[0-9][0-9.a-z+-]*[0-9a-z]' | grep -m 1 '[.]'";
    struct tool_result result = tool_run(NULL, ARGV("/bin/sh", "-c", script, (char *)(size_t)path));
    result.out[strcspn(result.out, "\n")] = '\0';
    return result.out[0] != '\0' ? result.out : "-";
}
