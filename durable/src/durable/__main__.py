"""The commands of `python -m durable`: rescue, lost, cancel, metrics, port, at. See the package's docstring."""

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from durable.api_errors import API_ERRORS, create_or_exit, is_permanent, remedy
from durable.compat import unsupported_warning
from durable.losses import nobody_serves
from durable.text import printable

if TYPE_CHECKING:  # imported later, only when it is needed: Prefect takes a second
    from durable.reconcile import Report
    from durable.rescuer import Rescuer

PATIENCE = 25  # seconds that --once looks again while it is unsure: SETTLE and then IDLE (10 s each), and a look
UNSURE = 12  # seconds that `lost` looks again: after 10 s (SETTLE, IDLE) it is sure of what it saw first
STARTING = 10  # seconds until the rescuer says that the server is unreachable: an idle machine starts one in 5


def lines_of(report: "Report") -> list[str]:
    """What to tell people: a line a run, or a line a reason where there are many."""
    lines = []
    for what in ("requeued", "given up", "ended", "cancelled"):
        runs = getattr(report, what.replace(" ", "_"))
        reasons = Counter(lost_run.why for lost_run in runs)
        for why, count in reasons.items():
            ids = [str(lost_run.run.id) for lost_run in runs if lost_run.why == why]
            some = ", ".join(ids[:3]) + (" …" if count > 3 else "")
            lines.append(f"{what} {count} run(s): {some}. {why}")
    return lines


def never_run(report: "Report") -> list[str]:
    return [f"{run.id} waits for {run.waits_for}, which failed: it will not run" for run in report.not_ready]


def on_no_record(finder: "Rescuer", report: "Report") -> list[str]:
    """What says that this may be another folder than the one that the task servers have."""
    remedy = f"put records={str(finder.folder)!r} in their serve(…), or their folder in --records"
    lines = []
    if report.strangers:
        some = ", ".join(report.strangers[:3]) + (" …" if len(report.strangers) > 3 else "")
        what = f"{len(report.strangers)} task server(s) are subscribed and have no record in {finder.folder}: {some}"
        lines.append(f"{what}. Nobody requeues what they run. Try: {remedy}")
    elif finder.records.has_no_task_server:
        lines.append(f"no task server has ever written a record in {finder.folder}. Try: {remedy}")
    return [printable(line) for line in lines]


async def once(rescuer: "Rescuer") -> int:
    """One look, and more while some runs may still report by themselves. Returns the exit code."""
    began, done, announced = time.monotonic(), 0, False
    while True:
        report = await rescuer.look()
        for line in lines_of(report):
            print(printable(line), flush=True)
        done += len(report.requeued) + len(report.given_up) + len(report.ended) + len(report.cancelled)
        if not report.unsure or time.monotonic() - began > PATIENCE:
            break
        if not announced:
            print(f"checking again for some seconds: {report.unsure} run(s) may still report by themselves", flush=True)
            announced = True
        await asyncio.sleep(1)
    for key, count in report.unserved.items():
        print(printable(nobody_serves(key, count)))
    if report.unknown:
        print(f"{report.unknown} run(s) are Running on something that keeps no record; they are left alone")
    for line in [*never_run(report), *on_no_record(rescuer, report)]:
        print(line)
    if not done:
        print("nothing to requeue: every run has ended, is in flight on a live task server, or waits in the queue")
    return 0


async def lost(finder: "Rescuer") -> int:
    """A line for each run that is lost: its id, what it is, its task's key, and why. Returns 1 if there is one, else 0.

    A run is orphaned if its task server died, and forgotten if it is in no queue.
    """
    began, announced = time.monotonic(), False
    while (report := await finder.find()).unsure and time.monotonic() - began < UNSURE:
        if not announced:
            some = f"{report.unsure} run(s) may still report by themselves"
            print(f"checking again for some seconds: {some}", file=sys.stderr, flush=True)
            announced = True
        await asyncio.sleep(1)
    unserved = [printable(nobody_serves(key, count)) for key, count in report.unserved.items()]
    for line in [*unserved, *never_run(report), *on_no_record(finder, report)]:
        print(line, file=sys.stderr)
    for lost_run in report.lost:
        kind = "orphaned" if lost_run.rescue else "forgotten"
        print(printable(f"{lost_run.run.id} {kind} {lost_run.run.task_key} {lost_run.why}"))
    return 1 if report.lost else 0


async def cancel(runs: list[UUID]) -> int:
    """A line for each. Returns 1 if one of them had ended or is not there, else 0."""
    from prefect.exceptions import ObjectNotFound

    from durable.cancelling import acancel

    missed = 0
    for run in runs:
        try:
            name = await acancel(run)
        except ObjectNotFound:
            name = "there is no such run"
        cancelled = name in ("Cancelled", "Cancelling")
        print(f"{run} {name}" if cancelled else f"{run} is not cancelled: {name}")
        missed += not cancelled
    return 1 if missed else 0


async def for_ever(rescuer: "Rescuer", every: float) -> None:
    """Look every so many seconds; say what was done, and once what is wrong."""
    away, said_away, starting, began = False, False, True, time.monotonic()
    announced: set[str] = set()
    strangers: list[str] = []
    print(f"rescuer: comparing {rescuer.folder} with Prefect's states every {every:g} s", flush=True)
    while True:
        try:
            report = await rescuer.look()
        except API_ERRORS as error:
            # At a start the server may come up a moment later: that is no news.
            if not said_away and (is_permanent(error) or not starting or time.monotonic() - began > STARTING):
                why = f"{type(error).__name__}: {error}".splitlines()[0]
                print(
                    f"rescuer: the Prefect API is unreachable ({why}); still trying. Try: {remedy(error)}", flush=True
                )
                said_away = True
            away = True
        else:
            if said_away:
                print("rescuer: the Prefect API is back", flush=True)
            away = said_away = starting = False
            for line in lines_of(report):
                print(f"rescuer: {printable(line)}", flush=True)
            for key in report.unserved.keys() - announced:
                print(f"rescuer: {printable(nobody_serves(key, report.unserved[key]))}", flush=True)
            announced = set(report.unserved)
            for line in on_no_record(rescuer, report) if report.strangers and report.strangers != strangers else []:
                print(f"rescuer: {line}", flush=True)
            strangers = report.strangers
        soon = max(0.05, report.next_due - time.time()) if not away else 0.5
        await asyncio.sleep(min(soon, every))


def number(least: float, kind: Callable[[str], float] = float) -> Callable[[str], float]:
    """For argparse: a number that is not less, and a finite one."""

    def parse(text: str) -> float:
        value = kind(text)  # ValueError is argparse's to tell
        if not least <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not a number from {least} on")
        return value

    return parse


def main() -> int:
    if sys.argv[1:2] == ["at"]:
        from durable import join_command

        return join_command.main(sys.argv[2:])
    if warning := unsupported_warning():
        print(f"warning: {warning}", file=sys.stderr, flush=True)
    if sys.argv[1:2] == ["port"]:
        from durable.port import server

        return server.main(sys.argv[2:])
    if sys.argv[1:2] == ["metrics"]:
        from durable import metrics

        return metrics.main(sys.argv[2:])
    parser = argparse.ArgumentParser(
        prog="python -m durable",
        description="Background tasks that are not lost. Each command has a -h of its own.",
    )
    commands = parser.add_subparsers(required=True, dest="command")
    rescue = commands.add_parser("rescue", help="requeue lost runs")
    find = commands.add_parser(
        "lost",
        help="a line for each run that is lost; exit 1 if there is one, 3 if the API is unreachable; changes nothing",
    )
    commands.add_parser("metrics", help="what waits, runs, is lost and has ended, for Prometheus")
    commands.add_parser("port", help="the Prefect server, with a second port for other machines")
    commands.add_parser("at", help="on another machine: join such a port, and become a command")
    ending = commands.add_parser(
        "cancel", help="cancel runs: what waits never begins, what runs ends Cancelled; exit 1 if one had ended"
    )
    ending.add_argument("runs", nargs="+", type=UUID, metavar="ID")
    for command in (rescue, find):
        command.add_argument("--records", default=os.environ.get("RECORDS"), help="their folder ($RECORDS)")
    rescue.add_argument("--once", action="store_true", help="look once, say what was done, and end")
    rescue.add_argument("--every", type=number(0.1), default=2, metavar="SECONDS", help="between looks (2)")
    rescue.add_argument(
        "--max-rescues",
        type=number(0, int),
        default=os.environ.get("MAX_RESCUES") or "3",  # text, so that argparse checks it too
        metavar="N",
        help="how often a run may take a task server with it before it is Crashed ($MAX_RESCUES, 3)",
    )
    options = parser.parse_args()
    if options.command == "cancel":
        from durable.cancelling import need_address

        create_or_exit(need_address)
        try:
            return asyncio.run(cancel(options.runs))
        except API_ERRORS as error:
            print(f"error: the Prefect API failed: {error!r}. Try: {remedy(error)}", file=sys.stderr)
            return 3
    if not options.records:
        parser.error("which folder? --records FOLDER, the one that the task servers have")
    from durable import Rescuer

    name = None if options.command == "lost" else "rescuer"
    rescuer = create_or_exit(lambda: Rescuer(options.records, getattr(options, "max_rescues", 3), name))
    try:
        if options.command == "lost":
            return asyncio.run(lost(rescuer))
        if options.once:
            return asyncio.run(once(rescuer))
        asyncio.run(for_ever(rescuer, options.every))
    except API_ERRORS as error:
        print(f"error: the Prefect API or the records failed: {error!r}. Try: {remedy(error)}", file=sys.stderr)
        return 3 if options.command == "lost" else 1  # 1 is for a run that is lost
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
