"""What makes Prefect 3.9.1 ten times faster for background tasks, where no setting of its own does.

Six changes to Prefect in memory, made as its modules are imported (sitecustomize.py, two folders up). They are for
the versions in PREFECT: any other runs as it is, and so does everything with TUNED=0. The settings that go with them
are in scripts/env.sh and launch/start.py. Nothing here changes what a run does, which states and events it has or what
its result is: tests/examples/behaviour.bats runs the same checks with TUNED=0 and TUNED=1.

"Measured" below: runs a second in a burst of 200 runs of example 2's task (WORK_SECONDS=0, LIMIT=10, two task servers,
two cores), with all, and with this one taken away; two or three runs of each in turn. `make bench` measures the whole.
record_at_once and skip_known_events are not for speed. The figures are of 3.8.8; what the patches replace is the same
in 3.9.1, to the byte. There, on a busier machine, in turn: 20.7 and 19.0 with all; without begin_immediate under 2,
without keep_settings 13.5 and 7.8, without record_together 15.5 and 14.7, without record_at_once 24.1 and 18.2;
without import_uncollected ready after 5.6 and 6.6 s, with it after 5.3 and 5.6 s.
"""

import gc
from types import ModuleType
from typing import Any

PREFECT = ("3.8.8", "3.9.1")  # proved: tests/examples/behaviour.bats passed on each of them


def begin_immediate(configurations: ModuleType) -> None:
    """SQLite: take the write lock when a transaction that will write begins, and wait for it there.

    Prefect begins such transactions DEFERRED: one that has read, and writes after another has committed, fails at once
    with "database is locked"; the server answers 503 and the client sleeps 2 s or more.
    Safe: Prefect does it itself where it passes with_for_update; then the busy timeout of 60 s waits, as it should.
    Measured: 27.7 and 27.7; without 2.0 and 2.8, and a quarter of the submits took longer than 1 s.
    Upstream: AioSqliteConfiguration, server/database/configurations.py; a comment at its WAL pragma names the remedy.
    """
    sqlite = configurations.AioSqliteConfiguration
    begin = sqlite.begin_transaction

    def begin_transaction(self: Any, session: Any, with_for_update: bool = False) -> Any:
        return begin(self, session, with_for_update=True)

    sqlite.begin_transaction = begin_transaction


def keep_settings(context: ModuleType) -> None:
    """Write Prefect's settings down once, not for every run; build them from that once, not for every run.

    Each background run carries all settings of who submitted it, and its task server builds them again.
    Safe: settings are frozen objects. What was written is kept for that very object, and what was built for settings
    received that are equal; settings that differ are built as before.
    Measured: 27.7 and 27.7; without 17.3 and 15.9. CPU a run: submitter 25 to 7 ms, task server 45 to 13 ms.
    Upstream: serialize_context and hydrated_context in context.py; PR #20853 did the same for process pools.
    """
    settings_context = context.SettingsContext
    build, write = settings_context.__init__, settings_context.serialize
    written: dict[bool, tuple[Any, dict[str, Any]]] = {}
    received: tuple[dict[str, Any], dict[str, Any]] | None = None

    def serialize(self: Any, include_secrets: bool = True) -> dict[str, Any]:
        kept = written.get(include_secrets)
        if kept is None or kept[0] is not self:
            kept = written[include_secrets] = (self, write(self, include_secrets))
        return kept[1]

    def __init__(self: Any, **fields: Any) -> None:
        nonlocal received
        if not isinstance(fields.get("settings"), dict):
            build(self, **fields)
        elif (kept := received) and kept[0] == fields:  # one read: other threads hydrate too
            build(self, **kept[1])
        else:
            build(self, **fields)
            received = (fields, {"profile": self.profile, "settings": self.settings})

    settings_context.serialize = serialize
    settings_context.__init__ = __init__


def record_together(recorder: ModuleType) -> None:
    """Write the states that arrive within 50 ms to the database together, not each by itself.

    Safe: batches are a setting of Prefect's (PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE), with the same code
    for one event as for many. Its flush interval, though, is cut to whole seconds, and the UI would lag by that much.
    Measured: 27.7 and 27.7; without 18.1 and 17.3. The server's CPU a run: 51 to 29 ms.
    Upstream: consumer in server/services/task_run_recorder.py; issues #16299, #18753 and #22807.
    """
    consumer = recorder.consumer

    def batches(write_batch_size: int, flush_every: float, **options: Any) -> Any:
        return consumer(write_batch_size=100, flush_every=0.05, **options)

    recorder.consumer = batches


def record_at_once(recorder: ModuleType) -> None:
    """SQLite: write a run and its new state in one transaction, as on PostgreSQL.

    Prefect begins none there, so SQLite commits each statement by itself, the run first: who reads a run between
    the two sees one without a state, and so does everybody from then on if the server is killed just then.
    Safe: it is the transaction that the code means to have (it ends with a commit). PostgreSQL has it anyway.
    Measured: it costs a twentieth, 25.4, 27.6 and 25.7; without 27.0, 28.7 and 27.2. Of 1,200 reads while 150 runs went
    through, six at a time, none saw a run without a state; without it 130 to 160.
    Upstream: _record_bulk_task_run_events in task_run_recorder.py; begin_sqlite_stmt in configurations.py.
    """
    from prefect.server.database.configurations import SQLITE_BEGIN_MODE

    record = recorder._record_bulk_task_run_events

    async def in_one_transaction(events: list[Any]) -> None:
        token = SQLITE_BEGIN_MODE.set("IMMEDIATE")
        try:
            await record(events)
        finally:
            SQLITE_BEGIN_MODE.reset(token)

    recorder._record_bulk_task_run_events = in_one_transaction


def skip_known_events(storage: ModuleType) -> None:
    """SQLite: events that are all in the database already are nothing to write.

    A client whose server started again sends the unconfirmed events again. Prefect looks which of a batch
    are known, and inserts the rest: with no rest it inserts one row of nothing, fails, tries five times, and 40 s after
    every restart of a quiet server logs 110 lines of error ("NOT NULL constraint failed: events.occurred").
    Safe: who has nothing to insert is done; a batch with one new event is written as before.
    Measured: not for speed. The error came after three of three kills of a quiet server; with this after none of two.
    Upstream: _write_sqlite_events, server/events/storage/database.py.
    """
    write = storage._write_sqlite_events

    async def write_unknown(session: Any, events: list[Any]) -> None:
        from prefect.server.database import provide_database_interface
        from sqlalchemy import select

        event = provide_database_interface().Event
        for batch in storage._in_safe_batches(events):
            known = set(await session.scalars(select(event.id).where(event.id.in_([each.id for each in batch]))))
            if unknown := [each for each in batch if each.id not in known]:
                await write(session=session, events=unknown)

    storage._write_sqlite_events = write_unknown


def import_uncollected(load: Any, module: ModuleType) -> None:
    """Import without the garbage collector, which finds nothing there, and keep what was imported out of its sight.

    Safe: gc.freeze is meant for this; objects that are made later are collected as ever.
    Measured: from `make ex2` to ready 4.2 to 3.7 s (medians of 4); the slowest submit of 200 from 0.20 to 0.07 s.
    Upstream: none; Prefect's server imports 2,200 modules, a task server 1,300.
    """
    gc.disable()
    try:
        load(module)
    finally:
        gc.enable()
    gc.freeze()


PATCHES = {
    "prefect.context": [keep_settings],
    "prefect.server.database.configurations": [begin_immediate],
    "prefect.server.events.storage.database": [skip_known_events],
    "prefect.server.services.task_run_recorder": [record_together, record_at_once],
}
UNCOLLECTED = {"prefect.main", "prefect.task_worker", "prefect.server.api.server"}
