#!/usr/bin/env python3
"""Keeps one process of an example running: `keep [--reload] [--last] COMMAND…` in a Procfile.

A command that ends by itself is started again, three times in a minute; then it stays down and the rest goes on.
  --always     it never stays down: after three times in a minute it is started later and later, up to every 15 s
  --reload     when the Python file in the command is saved, or one beside it that it imports, start it again; the old
               process finishes its runs
  --last       at the end, stop only when everything without it has: the Prefect server hears of the last runs
  --name NAME  what to call it (under honcho: the process's name)
A task server on another machine has a lease (durable/lease.py): when it expires, keep kills it, with all it started.

honcho alone stops everything when one process exits, and orphans everything when it is killed.
SIGTERM, Ctrl-C and SIGHUP stop the command politely: it has GRACE seconds to finish. The same again: it has none.
"""

import argparse
import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from io import BufferedReader
from pathlib import Path

from durable import lease
from durable.text import printable
from workshop_kit import processes, state_files, theirs
from workshop_kit.launch.output import whole_lines, without_colours
from workshop_kit.launch.saved_code import SavedCode
from workshop_kit.settings import settings

TICK = 0.2  # seconds between looks at the watched files, and while something is to happen soon
CALM = 1.0  # seconds between looks at the launcher alone: signals and the child's end wake us
TRIES, WINDOW = 3, 60.0  # restarts, in so many seconds
UP = 10.0  # seconds that a process must have lived for its death to be no mistake of its code (--always)
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
BETWEEN_RELOADS = 3.0  # seconds between two starts: with an editor that saves every second something serves meanwhile
BETWEEN_WISHES = 1.2  # seconds after which a task server takes a second SIGTERM for another wish: durable/signals.py
LONGEST = 15.0  # seconds to wait before another start at the most (--always)


class Keeper:
    """One command, its current process, and older ones that are still finishing their runs."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.command: list[str] = options.command
        self.name: str = options.name
        scripts = [Path(word) for word in options.command if word.endswith(".py")]
        self.code = SavedCode(scripts[0]) if options.reload and scripts else None
        self.last: bool = options.last
        self.always: bool = options.always
        launcher = os.environ.get("WORKSHOP_LAUNCHER")  # what runs the example: when it has been killed, this ends
        self.launcher = int(launcher) if launcher else None
        self.bold = os.environ.get("WORKSHOP_BOLD") == "1"
        self.grace = settings().grace
        self.stops = 0  # how often we were told to stop
        self.child: subprocess.Popen[bytes] | None = None
        self.finishing: list[subprocess.Popen[bytes]] = []
        self.relays: list[threading.Thread] = []
        self.restarts: deque[float] = deque()
        self.started = 0.0
        self.kept_back = False  # whether saved code was not started, because of a mistake
        self.start_at: float | None = None  # when to start it again, where that is not at once
        self.lease_files: dict[int, Path] = {}
        self.ended = 0  # the process that ended last
        self.woken, wake = os.pipe()  # a byte for each signal, so that a wait ends with it
        os.set_blocking(self.woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    # --- saying and recording -----------------------------------------------------------------

    def say(self, text: str) -> None:
        """One line, bold where the terminal shows that. A closed terminal is no reason to die."""
        with contextlib.suppress(OSError):
            text = printable(text)
            print(f"\033[1m{text}\033[0m" if self.bold else text, flush=True)

    def record(self) -> None:
        """Write down our pids with their start times, for `make stop` and for the clean-up after a kill -9."""
        with contextlib.suppress(OSError):
            if self.last:
                (settings().run / f"{self.name}.last").touch()  # so that two of them do not wait for each other
            state_files.write_pids(self.name, [kept.pid for kept in [self.child, *self.finishing] if kept])

    # --- starting and stopping ------------------------------------------------------------------

    def start(self) -> None:
        environment = {**os.environ, "TASK_SERVER_NAME": self.name, "ENDED_PID": str(self.ended)}
        code = os.environ.get("CODE")  # what runs a file of an example's folder is the learner's
        if code and any(code in word for word in self.command):
            theirs.give_back(environment)
        environment["LEASE_FILE"] = str(settings().run / f"{self.name}.{time.monotonic_ns()}.lease")
        # To a terminal nothing goes past pass_on(): what a task prints, whoever submitted it may have chosen.
        relayed = bool(self.launcher) or sys.stdout.isatty()
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if relayed else {}
        # A session of its own: signals reach the child from here only, and once.
        self.child = subprocess.Popen(self.command, env=environment, start_new_session=True, **output)
        self.lease_files[self.child.pid] = Path(environment["LEASE_FILE"])
        if relayed:
            self.relays.append(threading.Thread(target=self.pass_on, args=(self.child.stdout,), daemon=True))
            self.relays[-1].start()
        self.started, self.start_at = time.monotonic(), None
        self.record()

    def pass_on(self, output: BufferedReader) -> None:
        """What the command prints, in whole lines: honcho shows nothing of a line until it ends, and of a progress bar
        each step as a line. When the launcher has been killed nobody reads it any more: a print in a run that is in
        flight must not fail for that.
        """
        for line in whole_lines(output):
            with contextlib.suppress(OSError):
                os.write(1, without_colours(line, self.bold).encode() + b"\n")

    def forget_ended(self) -> bool:
        """Drop the processes that have ended, with what they started (uvicorn --reload has a child). True if any."""
        ended = [process for process in [self.child, *self.finishing] if process and process.poll() is not None]
        self.relays = [relay for relay in self.relays if relay.is_alive()]
        for process in ended:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            self.lease_files.pop(process.pid).unlink(missing_ok=True)
            self.ended = process.pid
        self.finishing = [process for process in self.finishing if process not in ended]
        if self.child in ended:
            self.child = None
        return bool(ended)

    def end_overdue(self) -> None:
        """Kill what may not run any more, because its lease expired; it may be a stopped process."""
        for process in filter(None, [self.child, *self.finishing]):
            if process.poll() is None and lease.overdue(self.lease_files[process.pid]) == process.pid:
                lease.end_group(process.pid)
                process.wait()
                self.say(f"{self.name}: its lease expired; killed")

    def terminate_all(self) -> None:
        for process in [self.child, *self.finishing]:
            if process:
                process.terminate()

    def others(self) -> bool:
        """Whether a process of this WORKSHOP_HOME that is not --last still runs."""
        return any(
            kept.name != self.name and not (settings().run / f"{kept.name}.last").exists()
            for kept in state_files.kept_processes()
        )

    def stop(self) -> None:
        """End every process: politely, again if asked again, and with SIGKILL when the grace is over."""
        if self.last:
            patience = time.monotonic() + self.grace + 8
            while self.others() and time.monotonic() < patience:
                time.sleep(TICK)
        # A server gets 5 s; a task server what it was promised, and a little to say goodbye in.
        patience = time.monotonic() + (5 if self.last else self.grace + 5)
        sent, sent_at = 0, time.monotonic() - 2 * BETWEEN_WISHES
        while True:
            self.end_overdue()
            self.forget_ended()
            if not self.child and not self.finishing:
                break
            # Once at the end, however it came, and a second time only for a second signal.
            if sent < max(1, min(self.stops, 1 if self.last else 2)) and time.monotonic() - sent_at > BETWEEN_WISHES:
                self.terminate_all()
                sent, sent_at = sent + 1, time.monotonic()
            if time.monotonic() > patience:
                self.say(f"{self.name} did not end in time; killed")
                for process in filter(None, [self.child, *self.finishing]):
                    with contextlib.suppress(OSError):
                        os.killpg(process.pid, signal.SIGKILL)
                patience = time.monotonic() + 5
            time.sleep(TICK / 4)
        for relay in self.relays:
            relay.join(1)  # the last lines; but not for somebody who still has the output open
        with contextlib.suppress(OSError):
            state_files.forget_pids(self.name)

    # --- what happens in between ------------------------------------------------------------------

    def mistake(self) -> str | None:
        """What keeps the saved code from starting, if something plainly does, as FILE:LINE: text."""
        assert self.code
        if wrong := self.code.syntax_error():
            return wrong
        if wrong := self.hidden_module():
            return wrong
        if example := os.environ.get("OWN_CODE"):  # a learner's
            from workshop_kit import workshop  # only now: every process of an example has a keeper
            from workshop_kit.learners import mistakes

            for finding in mistakes.find(int(example), self.code.script.parent):
                if finding.file != workshop.shown(self.code.script) or finding.step:
                    continue
                if finding.stops:
                    return str(finding)
                if self.name.endswith(".1"):  # one of them tells
                    self.say(f"note: {finding}")
        return None

    def hidden_module(self) -> str | None:
        """The learner's file that hides a module which the example needs: nothing that is started from now on works."""
        if not (example := os.environ.get("OWN_CODE")):
            return None
        from workshop_kit.learners.files import read
        from workshop_kit.learners.hiding import hiding

        assert self.code
        ex, folder = int(example), self.code.script.parent
        return next((str(finding) for finding in hiding(ex, folder, read(ex, folder)[0]) if finding.stops), None)

    def look_beside(self) -> None:
        """A module beside the code came or went: does one hide another, or was it that which kept the code back?"""
        if self.kept_back:
            self.reload()
        elif self.name.endswith(".1") and (wrong := self.hidden_module()):  # one of them tells
            self.say(f"{wrong}. What runs goes on; nothing can be started")

    def explain(self) -> None:
        """After a learner's code has failed: the sentence for it, if the kit has one."""
        from workshop_kit.learners import mistakes

        assert self.code
        for finding in mistakes.look(int(os.environ["OWN_CODE"]), self.code.script.parent)[:1]:
            self.say(str(finding))

    def reload(self) -> None:
        """Start the saved code at once; the process with the code before takes nothing new and finishes."""
        if wrong := self.mistake():
            self.kept_back = True
            self.say(f"{wrong}. The code before goes on; fix it and save again")
            return
        self.kept_back = False
        old, self.child = self.child, None
        self.restarts.clear()
        self.say(f"{self.name}: the code was saved; restarting")
        if old:
            old.terminate()
            self.finishing.append(old)
        self.start()
        if self.name.endswith(".1"):  # one of them tells
            assert self.child
            threading.Thread(target=self.name_unserved, args=(self.child,), daemon=True).start()

    def name_unserved(self, child: subprocess.Popen[bytes]) -> None:
        """Once the new code is served: name the runs that wait for code which nobody serves any more.

        A task's key is made from its code, so runs queued before the save wait for the code before the save.
        """
        import socket

        from workshop_kit import prefect_api

        me = f"{socket.gethostname()}-{child.pid}"
        while child.poll() is None and not self.stops:
            servers = prefect_api.subscribed()
            finishing = {f"{socket.gethostname()}-{process.pid}" for process in self.finishing}
            names = {server["identifier"] for server in servers}
            if me in names and not names & finishing:
                break
            time.sleep(TICK)
        else:
            return
        try:
            served = {key for server in prefect_api.subscribed() for key in server["task_keys"]}
            unserved = [run for run in prefect_api.waiting_runs() if run["task_key"] not in served]
        except OSError:
            return
        if unserved:
            ids = ", ".join(run["id"] for run in unserved[:3]) + (" …" if len(unserved) > 3 else "")
            self.say(
                f"{len(unserved)} run(s) were queued for code that nobody serves now: {ids}. "
                "Undo the change to serve them, or submit again"
            )

    def handle_exit(self, code: int) -> bool:
        """Say why the child ended; true if it is to be started again."""
        why = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        if code == 0 and self.code:
            why += " (a task server stays: is serve(…) missing?)"
        if code > 0 and self.code and os.environ.get("OWN_CODE") and self.name.endswith(".1") and not self.restarts:
            threading.Thread(target=self.explain, daemon=True).start()
        now = time.monotonic()
        while self.restarts and now - self.restarts[0] > WINDOW:
            self.restarts.popleft()
        if self.always:
            # Who is killed from outside, or dies after a while, has no mistake in its code: only that is put off.
            wait = 0.0
            if -code not in FROM_OUTSIDE and now - self.started < UP:
                self.restarts.append(now)
                late = len(self.restarts) - TRIES
                wait = min(LONGEST, 2.0**late) if late > 0 else 0.0
            self.start_at = now + wait
            self.say(f"{self.name} {why}; starting it again" + (f" in {wait:.0f} s" if wait else ""))
            return False
        if len(self.restarts) >= TRIES:
            hint = "fix the code and save it" if self.code else "make stop, then start the example again"
            self.say(f"{self.name} {why}; it stays down after {TRIES} restarts in a minute; {hint}")
            return False
        self.restarts.append(now)
        self.say(f"{self.name} {why}; starting it again ({len(self.restarts)} of {TRIES} in a minute)")
        return True

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.count_stop_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # that of Python wakes nobody
        self.start()
        while not self.stops:
            self.wait()
            if self.launcher_is_gone():
                break
            with contextlib.suppress(BlockingIOError):
                os.read(self.woken, 4096)  # what comes from here on is for the next wait
            # One that was started a moment ago does not serve yet. If it has ended, the fixed code is started at once.
            young = self.child is not None and time.monotonic() - self.started < BETWEEN_RELOADS
            if self.code and not young and self.code.changed():
                self.reload()
            elif self.code and self.code.came_or_went():
                self.look_beside()
            self.end_overdue()
            code = self.child.poll() if self.child else None
            if self.forget_ended():
                self.record()
            if code is not None and not self.stops and self.handle_exit(code):
                self.start()
            if self.start_at and time.monotonic() >= self.start_at and not self.stops:
                self.start()
        self.stop()
        return 0

    def wait(self) -> None:
        """Until a signal comes, the child's end among them, or it is time for another look."""
        often = self.code or self.start_at or settings().joined  # the files; the moment to start; a lease's end
        select.select([self.woken], [], [], TICK if often else CALM)

    def launcher_is_gone(self) -> bool:
        """Its own children see that for nothing. Those of `make server` have to ask for it, on macOS with a `ps`."""
        return bool(self.launcher) and os.getppid() != self.launcher and not processes.started_at(self.launcher)

    def count_stop_signal(self, number: int, frame: object) -> None:
        self.stops += 1


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="keep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("--reload", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--last", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--always", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--name", default=os.environ.get("HONCHO_PROCESS_NAME", "process"), help=argparse.SUPPRESS)
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.command:
        parser.error("which command?")
    return Keeper(options).run()


if __name__ == "__main__":
    sys.exit(main())
