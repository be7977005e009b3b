# SPDX-License-Identifier: LGPL-2.1-or-later
import asyncio
import os
import ssl

import aiohttp


async def main():
    async with aiohttp.ClientSession() as session:
        async with session.get(os.environ["URL"], ssl=ssl.create_default_context()) as answer:
            print(await answer.text(), end="")


asyncio.run(main())
