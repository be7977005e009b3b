# SPDX-License-Identifier: LGPL-2.1-or-later
import os
import urllib.request

print(urllib.request.urlopen(os.environ["URL"]).read().decode(), end="")
