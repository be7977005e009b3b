# SPDX-License-Identifier: LGPL-2.1-or-later
import os
import sys

import pycurl

handle = pycurl.Curl()
handle.setopt(pycurl.URL, os.environ["URL"])
handle.setopt(pycurl.WRITEDATA, sys.stdout.buffer)
handle.perform()
