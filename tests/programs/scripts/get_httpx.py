# SPDX-License-Identifier: LGPL-2.1-or-later
import os
import ssl

import httpx

print(httpx.get(os.environ["URL"], verify=ssl.create_default_context()).text, end="")
