# SPDX-License-Identifier: LGPL-2.1-or-later
# ruff: noqa: E402
from gevent import monkey

monkey.patch_all()
import os
import urllib.request

import gevent


def get():
    return urllib.request.urlopen(os.environ["URL"]).read().decode()


jobs = [gevent.spawn(get) for _ in range(2)]
gevent.joinall(jobs, timeout=20, raise_error=True)
print(*(job.value for job in jobs), sep="", end="")
