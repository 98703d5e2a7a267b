"""All that the kit overrides of honcho 2.0, each with the reason. What is not here, honcho does as it comes."""

import multiprocessing.dummy
import os
import signal
from typing import Any

import honcho.manager
import honcho.process
from honcho.printer import Printer

from workshop_kit import state_files

BOLD = "1"  # as ECMA-48 numbers it

# A process reads what each line prints. Where Python spawns it (macOS) or asks a server to fork it (3.14), it has none
# of our signal handlers: it dies of the terminal's SIGHUP, and honcho waits for its last word without end.
honcho.manager.multiprocessing = multiprocessing.dummy  # threads, with the interface of processes


class Process(honcho.process.Process):
    """A process of the Procfile. Its name is bold: no colour can be read on black and on white."""

    def __init__(self, command: str, **options: Any) -> None:
        super().__init__(command, **options | {"colour": BOLD})

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        super().run(events)  # a thread cannot ignore signals, and need not


class Manager(honcho.manager.Manager):
    """A second Ctrl-C tells the processes again, which skips finishing the runs in flight; honcho's own ignores it."""

    def __init__(self, printer: Printer, patience: float) -> None:
        """patience: seconds for all to end in, once one has. honcho has 5, and then kills runs that still finish."""
        super().__init__(printer)
        honcho.manager.KILL_WAIT = patience
        self._process_ctor = Process
        self._stopped_early = self._end_noticed = self._hung_up = False
        for number in (signal.SIGHUP, signal.SIGQUIT):  # honcho ends at once, and leaves all that it has started
            signal.signal(number, self.hang_up)

    def hang_up(self, *_: object) -> None:
        """For a closed terminal and Ctrl-\\: the end, in good order."""
        # A closed terminal is noticed in up to three ways at once; only a person says a thing twice. And who has
        # pressed Ctrl-C, which make has heard too, did not mean a second one by that.
        if not self._hung_up and not self._terminating:
            self._hung_up = True
            os.kill(os.getpid(), signal.SIGTERM)

    def terminate(self) -> None:
        """honcho calls it once when the first process has ended; every other call is a signal."""
        if not super()._all_started():  # honcho, which does not know their pids yet, fails with a KeyError
            self._stopped_early = True
            return
        if self._any_stopped() and not self._end_noticed:
            self._end_noticed = True
        elif self._terminating:
            self._killall()
        else:
            self.stop_joined()
        super().terminate()

    def _all_started(self) -> bool:
        started: bool = super()._all_started()
        if started and self._stopped_early:
            self._stopped_early = False
            self.terminate()
        return started

    def stop_joined(self) -> None:
        """The task servers of `make server`, in other terminals, end with the example."""
        for kept in state_files.kept_processes():
            if kept.role == state_files.KEEPER and kept.name not in self._processes:
                os.kill(kept.pid, signal.SIGTERM)
