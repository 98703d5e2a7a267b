"""The second machine of a chapter: `Terminal 3, on machine B`.

For a root on Linux each machine is a network namespace with a host name and an address of its own. For others B is this
machine, too, with a home of its own, and the two meet on loopback.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from workshop_kit import workshop
from workshop_kit.show.chapter import JOIN_CODE

WRITTEN = "192.0.2.7:4243"  # as the chapter has it: an address that is kept for documents
CODE = re.compile(JOIN_CODE)
SETUP = """
set -e
ip netns add {lan}-a && ip netns add {lan}-b
ip -n {lan}-a link add eth0 type veth peer name eth0 netns {lan}-b
for each in a:7 b:8; do
  ip -n {lan}-${{each%:*}} addr add 192.0.2.${{each#*:}}/24 dev eth0
  ip -n {lan}-${{each%:*}} link set dev lo up
  ip -n {lan}-${{each%:*}} link set dev eth0 up
done
"""


class Machines:
    """A and B, for the terminals of a show. home: the WORKSHOP_HOME of A. two: whether B has a part in it."""

    def __init__(self, home: Path, two: bool) -> None:
        self.home = home
        self._lan = f"demo{os.getpid()}"
        able = two and os.geteuid() == 0 and all(map(shutil.which, ("ip", "unshare")))
        self.apart = (
            able and subprocess.run(["bash", "-c", SETUP.format(lan=self._lan)], capture_output=True).returncode == 0
        )
        if able and not self.apart:
            self.end()
        self.port = os.environ["JOIN_PORT"]

    def prefix(self, machine: str) -> list[str]:
        """What begins a command that runs on a machine."""
        if not self.apart:
            return []
        name = (machine or "A").lower()
        script = f'hostname {name} && exec "$@"'
        return ["ip", "netns", "exec", f"{self._lan}-{name}", "unshare", "--uts", "sh", "-c", script, "_"]

    def environment(self, machine: str) -> dict[str, str]:
        """What is different there."""
        if machine == "B":
            return {"WORKSHOP_HOME": str(self.home / "elsewhere"), "JOIN_PORT": str(int(self.port) + 2)}
        return {} if self.apart else {"LISTEN": "127.0.0.1"}

    def here(self, text: str) -> str:
        """The chapter's address and code as they are in this show."""
        address = WRITTEN.partition(":")[0] if self.apart else "127.0.0.1"
        text = text.replace(WRITTEN, f"{address}:{self.port}")
        code = self.home / "port" / "code"
        return CODE.sub(code.read_text(), text) if code.exists() else text

    def end(self) -> None:
        """The namespaces go; what ran in them was stopped before."""
        environment = {**os.environ, "WORKSHOP_HOME": str(self.home / "elsewhere"), "GRACE": "5"}
        if (self.home / "elsewhere").exists():
            subprocess.run(
                [str(workshop.KIT / "scripts" / "stop.sh")], env=environment, capture_output=True, check=False
            )
        for name in ("a", "b"):
            subprocess.run(["ip", "netns", "del", f"{self._lan}-{name}"], capture_output=True, check=False)
