#!/usr/bin/env python3
"""Requeues lost runs, once, and says which and why. An example with a rescuer does it by itself.

MAX_RESCUES=3   how often a run may take a task server with it before it is Crashed
It looks on for up to 25 s where a run may still report by itself.
"""

import asyncio
import os
import sys

import httpx

from durable import Rescuer
from durable.__main__ import once
from workshop_kit import state_files, workshop
from workshop_kit.needs import Needs

NEEDS = Needs(own="make rescue", server="make ex6 (in another terminal)", same_port=True)


def main() -> int:
    if (running := state_files.running_example()) and running.docker:
        # There the records are in a volume, and their locks are held by containers.
        os.execvp("docker", [*workshop.IN_CONTAINER, "python", "-m", "durable", "rescue", "--once"])  # noqa: S606, S607
    try:
        return asyncio.run(once(Rescuer(os.environ["RECORDS"], int(os.environ["MAX_RESCUES"]), name="make rescue")))
    except (httpx.HTTPError, OSError) as error:
        workshop.fail(f"the Prefect API failed: {error or type(error).__name__}", "make status", 1)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
