# SPDX-License-Identifier: LGPL-2.1-or-later
import os

import requests

print(requests.get(os.environ["URL"], timeout=10, verify=os.environ["CA"]).text, end="")
