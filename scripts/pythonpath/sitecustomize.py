"""Python runs this at the start of every process of the kit: scripts/env.sh puts this folder on PYTHONPATH.

The lessons say `from prefect.task_worker import serve`, as Prefect's documentation does. In the kit that name is the
`serve` of the package durable, which finishes its runs when it is stopped and records who ran what.
durable also sees to it that waiting for a run ends, and that a run fails which cannot say how it ended. With TUNED=1,
prefect_patches/tuned.py makes Prefect faster. A program started by hand is told of two mistakes (own_terminal.py).
OURS=0 leaves all of that out. Until a program imports Prefect nothing else happens than that Ctrl-C ends it without a
stack trace.
"""

import os
import sys


def serve_durably(module):
    """After prefect.task_worker: exchange `serve` and `aserve`, which a task's own methods call, too."""
    options = {
        "grace": float(os.environ.get("GRACE", "30")),
        "name": os.environ.get("TASK_SERVER_NAME"),
        "records": os.environ.get("RECORDS"),
    }

    def serve(*tasks, **given):
        import durable  # only now, when somebody serves: its serve needs prefect.task_worker, which is complete then

        return durable.serve(*tasks, **options | given)

    async def aserve(*tasks, **given):
        import durable

        return await durable.aserve(*tasks, **options | given)

    serve.aio = aserve
    module.serve, module.aserve = serve, aserve


def wait_durably(module):
    """After prefect.futures, by which programs wait for runs, and prefect.task_runs, which that imports."""
    from durable import waiting

    waiting.install()


def fail_durably(module):
    """After prefect.task_engine, which makes the states of runs."""
    from durable import unstorable

    unstorable.install()


after = {
    "prefect.futures": [wait_durably],
    "prefect.task_engine": [fail_durably],
    "prefect.task_worker": [serve_durably],
}
uncollected = set()  # modules that are loaded without the garbage collector: tuned.py


def tune():
    """As the package `prefect` begins to load, which is when its version can be known."""
    from importlib.metadata import version

    from workshop_kit.prefect_patches import tuned

    if version("prefect") in tuned.PREFECT:
        for name, patches in tuned.PATCHES.items():
            after.setdefault(name, []).extend(patches)
        uncollected.update(tuned.UNCOLLECTED)


def prepare():
    """As the package `prefect` begins to load."""
    from workshop_kit.prefect_patches import own_terminal, quiet, unstorable

    after["prefect.tasks"] = [unstorable.name_parameters]
    if own_terminal.is_own_program():
        own_terminal.name_wrong_server()
        after["prefect.tasks"].append(own_terminal.watch_submits)
    after["prefect.main"] = [quiet.quieten]
    after["prefect.logging.handlers"] = [quiet.make_printable]
    if os.environ.get("TUNED") == "1":
        tune()


class AroundImport:
    """Finds the modules named above as usual, loads them, and calls their functions."""

    seen = set()

    def find_spec(self, name, path=None, target=None):
        if name in self.seen or name.partition(".")[0] != "prefect":
            return None
        self.seen.add(name)
        if name == "prefect":
            prepare()
        if name not in after and name not in uncollected:
            return None
        import importlib.util

        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_then(module):
            if name in uncollected:
                from workshop_kit.prefect_patches import tuned

                tuned.import_uncollected(load, module)
            else:
                load(module)
            for function in after.get(name, []):
                function(module)

        spec.loader.exec_module = load_and_then
        return spec


def report_exception(kind, error, trace):
    """Of an error as ever. Ctrl-C is no error (it comes while a second of imports goes on), nor is `make … | head`."""
    if issubclass(kind, BrokenPipeError) and nobody_reads():
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what is printed last, at the exit
    elif kind.__name__ in ("Unstorable", "CannotTravel"):  # prefect_patches/unstorable.py, durable/values.py
        print(f"error: {where_in_program(trace)}{error}", file=sys.stderr)
    elif not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


def where_in_program(trace):
    """FILE:LINE of the program on the way to an error."""
    program, where = getattr(sys.modules["__main__"], "__file__", None), ""
    while trace:
        if trace.tb_frame.f_code.co_filename == program:
            where = f"{os.path.basename(program)}:{trace.tb_lineno}: "
        trace = trace.tb_next
    return where


def nobody_reads():
    """Whether the program that read our output has ended."""
    try:
        print(flush=True)
    except BrokenPipeError:
        return True
    return False


sys.excepthook = report_exception
if os.environ.get("OURS") != "0":
    sys.meta_path.insert(0, AroundImport())
