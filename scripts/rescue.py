#!/usr/bin/env python3
"""Puts stranded and orphaned runs back in the queue, once, and says which and why. Examples 4 to 6 do it by themselves.

MAX_RESCUES=3   how often a run may take a task server with it before it is Crashed
It looks on for up to 25 s where a run may still report by itself.
"""

import asyncio
import os
import sys

import httpx

import workshop
from durable import Rescuer
from durable.__main__ import once


def main() -> int:
    try:
        return asyncio.run(once(Rescuer(os.environ["RECORDS"], int(os.environ["MAX_RESCUES"]), name="make rescue")))
    except (httpx.HTTPError, OSError) as error:
        workshop.fail(f"the Prefect API failed: {error or type(error).__name__}", "make status", 1)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
