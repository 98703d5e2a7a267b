"""Opens and closes the demo's terminals, a hundred times, each just as its shell has printed a prompt.

Prints the longest that one took, in seconds. A shell overlooks about one SIGHUP in a hundred there (bash 5.2).
"""

import os
import random
import time

from workshop_kit.show.terminal import Terminal

longest = 0.0
for _ in range(100):
    terminal = Terminal(1, dict(os.environ), os.terminal_size((100, 30)), ".")
    while "$ " not in terminal.text:
        time.sleep(0.005)
    terminal.enter("true")
    assert terminal.wait_for_prompt(10)
    time.sleep(random.random() * 0.003)  # noqa: S311
    began = time.monotonic()
    terminal.close(10)
    longest = max(longest, time.monotonic() - began)
print(f"{longest:.1f}")
