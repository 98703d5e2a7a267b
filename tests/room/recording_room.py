#!/usr/bin/env python3
"""make room, with every byte that a learner's kit sends, once TLS is taken off, appended to a file: RECORDED."""

import os
import runpy
from typing import Any

from durable import tls

plain = tls.Quiet.data_received


def record(self: Any, data: bytes) -> None:
    with open(os.environ["RECORDED"], "ab") as file:
        file.write(data)
    plain(self, data)


tls.Quiet.data_received = record
runpy.run_module("workshop_kit.room.room", run_name="__main__", alter_sys=True)
