# SPDX-License-Identifier: LGPL-2.1-or-later
# libgit2, which Debian 12 builds with Mbed TLS. The server has no repository, and libgit2 says so.
import os
import sys

import pygit2

pygit2.settings.set_ssl_cert_locations(os.environ["CA"], None)
try:
    pygit2.clone_repository(os.environ["URL"] + "repo.git", "copy")
except pygit2.GitError as error:
    sys.exit(str(error))
