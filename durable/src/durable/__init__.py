"""Background tasks for Prefect 3.9 that are not lost, whatever dies. Take this folder along: it needs Prefect only.

**1. Task servers that drain.** Prefect's own `serve()` leaves the runs in flight Running without end when it is told to
stop, and a finished run has no field that says which task server ran it. Write

    from durable import serve

    serve(my_task, limit=4, grace=30, name="mailer-1", records="/var/lib/my-app/task-servers")

On SIGTERM or Ctrl-C the task server takes nothing new and finishes what it has in flight, for up to `grace` seconds;
what is not finished then, or at a second signal, goes back to the queue. (A SIGTERM within a second of another signal
is no second one: make and uvicorn's reloader pass on what the process has received already.) Then it exits with 0. It
exits with 1, after the same, when a run outlives its task's `timeout_seconds` in a thread that nothing can interrupt.
Something (systemd, a container's restart policy) should start it again. A wrong password or address is one line and
exit code 2 (`Refused`, from `aserve`). `aserve` is the same for an asynchronous program.

**2. A record of who runs what.** `records` is a folder that all task servers share: on one machine, or on a volume of
containers on one machine. Each appends to a file of its own there, a JSON object a line, before it accepts a run and
when the run has ended. So the record survives a `kill -9`, and a run that is delivered twice is refused once.

**3. A rescuer.** One more process, which compares the records with Prefect's states and puts lost runs back:

    python -m durable rescue --records /var/lib/my-app/task-servers

It takes PREFECT_API_URL as everything of Prefect's does. `--once` looks once and says what it did. From a program:
`await Rescuer("/var/lib/my-app/task-servers").look()`. `python -m durable lost` only says what is lost, for a monitor.

**4. Keys that do not depend on path or Python version.** Prefect makes a task's key from its code, its file's path and
the Python version, and a run whose key nobody serves waits without end. Where the submitter and the task server
run from different folders, containers or Pythons, say

    @keyed("signups")
    @task
    def my_task(): ...

**5. Waiting that ends.** A run may end before Prefect has subscribed to its end, and then the first `result()` of a
process waits without end (Prefect's issue #18775). In a process that has called keyed(), json_only() or serve() the
answer comes; a program that calls none of them says `durable.install()`.

**6. Cancelled means cancelled.** A run that is Cancelled, Cancelling or deleted before a task server begins it never
begins. One that runs ends Cancelled within seconds of Cancelling: an `async def` task gets CancelledError, a function
in a thread TaskRunCancelled at its next line, and its slot is free when it has left. Set the state by Prefect's API, or

    python -m durable cancel ID

or `cancel(run_id)` from a program, `await acancel(run_id)` from an asynchronous one.

**7. Other machines.** `python -m durable port --address 192.0.2.7:4243 …` runs the Prefect server, and one TLS port for
task servers and submitters on other machines; the code for joining is a file in its folder. There

    JOIN_CODE=… python -m durable at 192.0.2.7:4243 python task_server.py

joins and becomes the command. Its program says json_only(os.environ["PLAIN_STORAGE"]), so that what travels is plain
JSON and never code, and serve(…, records=os.environ["RECORDS"]): what is a folder on the one machine is the port's
address on the others. See port/, json_format.py and join_command.py.

What you get is "at least once": a run that was cut short is started again from its beginning, so tasks must be safe to
run twice. What it cannot do: the folder must be on a file system with locks that all see (one kernel: other machines
come in through the port), and the Prefect server must be one process, as its queue is in its memory. A run whose task
server is stopped (SIGSTOP) waits for that task server: it is alive. A task server's record grows by some 700 bytes a
run while it lives; the rescuer deletes those of the dead. So restart a task server of a million runs now and then.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from durable.cancelling import acancel, cancel
    from durable.delaying import later
    from durable.interrupting import TaskRunCancelled
    from durable.json_format import FailedThere
    from durable.json_limits import NotPlain
    from durable.keys import keyed
    from durable.losses import LostRun, Run
    from durable.outcome import Outcome, Refused, SessionOver, Unusable
    from durable.reconcile import Report
    from durable.records import Record, Records
    from durable.rescuer import Rescuer
    from durable.serving import aserve, serve
    from durable.storage import json_only
    from durable.values import CannotTravel
    from durable.waiting import install
    from durable.worker import DrainingTaskWorker

__version__ = "1.1.0"

# Where each is. Imported when it is first asked for: Prefect takes a second, and who reads records does without.
MODULES = {
    "CannotTravel": "values",
    "DrainingTaskWorker": "worker",
    "FailedThere": "json_format",
    "LostRun": "losses",
    "NotPlain": "json_limits",
    "Outcome": "outcome",
    "Record": "records",
    "Records": "records",
    "Refused": "outcome",
    "Report": "reconcile",
    "Rescuer": "rescuer",
    "Run": "losses",
    "SessionOver": "outcome",
    "TaskRunCancelled": "interrupting",
    "Unusable": "outcome",
    "acancel": "cancelling",
    "aserve": "serving",
    "cancel": "cancelling",
    "install": "waiting",
    "json_only": "storage",
    "keyed": "keys",
    "later": "delaying",
    "serve": "serving",
}

__all__ = [
    "CannotTravel",
    "DrainingTaskWorker",
    "FailedThere",
    "LostRun",
    "NotPlain",
    "Outcome",
    "Record",
    "Records",
    "Refused",
    "Report",
    "Rescuer",
    "Run",
    "SessionOver",
    "TaskRunCancelled",
    "Unusable",
    "acancel",
    "aserve",
    "cancel",
    "install",
    "json_only",
    "keyed",
    "later",
    "serve",
]


def __getattr__(name: str) -> Any:
    """Python calls this for a name that the package does not have yet (PEP 562)."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
