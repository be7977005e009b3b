/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/tools/launcher/nobody.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/tools/launcher/tool.h"

enum { NOBODY = 65534 };

void nobody_become(void *context)
{
    (void)context;
    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0) {
        _exit(99);
    }
}

bool nobody_launcher(char **launcher)
{
    char script[] = "chmod 755 \"$0\" && cp \"$1\"/echshim \"$1\"/libechshim*.so /bin/true \"$0\"";
    struct tool_result made =
        tool_run(NULL, ARGV("/bin/sh", "-c", script, (char *)(size_t)tool_temporary(),
                            (char *)(size_t)tool_folder()));
    tool_expect_exit(&made, 0);
    cr_assert_gt(asprintf(launcher, "%s/echshim", tool_temporary()), 0);
    struct tool_result tried =
        tool_run_before(nobody_become, NULL, NULL, ARGV(*launcher, "--strict", "true"));
    if (WEXITSTATUS(tried.status) == 99) {
        fprintf(stderr, "nobody: skipped: rights cannot be given up here\n");
        return false;
    }
    tool_expect_exit(&tried, 0);
    return true;
}
