"""What may travel between machines: plain JSON, read by the task's signature, and never code.

Prefect writes the parameters and the result of a run into files that say themselves how they are to be read: as a
pickle, or as JSON whose reader imports any class that it names. So anyone who can write to the storage can run code on
every task server. And each file of parameters carries all the submitter's settings, with the password. After
json_only() (see storage.py) the tasks of this process write and read plain JSON and nothing else, whatever they say:

- A value goes by the type that the task's signature declares (dates, UUIDs, dataclasses, pydantic models) and comes
  back as that type. What would not come back equal raises CannotTravel when it is submitted, with its name.
- A reader looks at size, depth and shape before it builds anything, and builds what its own signature says.
- No settings go along, and of an exception its type's name and its message.
"""

import asyncio
import hashlib
import inspect
import re
import typing
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from prefect import Task, results, task_worker, tasks
from prefect.cache_policies import DEFAULT, CachePolicy
from prefect.filesystems import WritableFileSystem
from prefect.results import ResultRecord, ResultRecordMetadata, ResultStore
from prefect.serializers import Serializer
from pydantic import Field, PrivateAttr

from durable.json_limits import LARGEST, MOST, NotPlain, has_many, parsed
from durable.task_versions import need_same_parameters
from durable.values import NONE, CannotTravel, back_from_json, hints_of, to_json

# A UUID, with dashes or without, as Prefect's hash of a run's inputs is.
KEY = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
METADATA = {"storage_key", "expiration", "serializer", "prefect_version", "storage_block_id"}


class FailedThere(Exception):
    """What a task raised on another machine: the name of its type, and its message."""


# --- looking before building ------------------------------------------------------------------------


def need_plain_metadata(metadata: Any) -> None:
    """Of a result, in its file or in a run's state. Raises NotPlain: Prefect imports what other metadata name."""
    if not isinstance(metadata, dict) or not metadata.keys() <= METADATA:
        raise NotPlain("it has no metadata of a plain result")
    serializer = metadata.get("serializer")
    if (
        not isinstance(serializer, dict)
        or serializer.get("type") != "plain"
        or not serializer.keys() <= {"type", "task"}
    ):
        raise NotPlain("its serializer is another one than plain")
    if not isinstance(serializer.get("task", ""), str) or metadata.get("storage_block_id") is not None:
        raise NotPlain("its serializer or its storage is another one than ours")
    for name, longest in (("expiration", 40), ("prefect_version", 40)):
        value = metadata.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= longest):
            raise NotPlain(f"its {name} is no short text")
    if not isinstance(metadata.get("storage_key"), str) or not KEY.fullmatch(metadata["storage_key"]):
        raise NotPlain("its key is no UUID")


def checked_record(content: bytes, key: str) -> bytes:
    """A whole file, parameters (a key that begins parameters/) or a result, as it was looked at. Raises NotPlain.

    Written again, so that no other parser can see something else in it, such as the first of two equal names.
    """
    record = parsed(content)
    if not isinstance(record, dict) or record.keys() != {"metadata", "result"}:
        raise NotPlain("it is no record of a run")
    need_plain_metadata(record["metadata"])
    if record["metadata"]["storage_key"] != key.removeprefix("parameters/"):
        raise NotPlain("its key is another one than its name")
    if not isinstance(record["result"], str):
        raise NotPlain("it has no text with JSON in it")
    shape = parsed(record["result"])
    kinds = ({"parameters"},) if key.startswith("parameters/") else ({"value"}, {"error"})
    if not isinstance(shape, dict) or shape.keys() not in kinds:
        raise NotPlain("what is in it is neither parameters nor a result")
    if "error" in shape and not (isinstance(shape["error"], list) and list(map(type, shape["error"])) == [str, str]):
        raise NotPlain("its error is not a name and a message")
    if "parameters" in shape and not isinstance(shape["parameters"], dict):
        raise NotPlain("its parameters have no names")
    return orjson.dumps(record)


def has_expired(content: bytes) -> bool:
    """Whether it is a cached result after its time, as checked_record() has let it in; anything else is none."""
    try:
        expiration = datetime.fromisoformat(orjson.loads(content)["metadata"]["expiration"])
        return expiration < datetime.now(expiration.tzinfo)
    except (ValueError, TypeError, KeyError):
        return False


def key_of(path: str) -> str:
    """The path in the storage: a task may make its own keys (cache_key_fn), and none may leave the folder."""
    if KEY.fullmatch(path.removeprefix("parameters/")):
        return path
    return hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()


# --- results and parameters ---------------------------------------------------------------------------

in_hand: ContextVar[UUID | None] = ContextVar("in_hand", default=None)  # the run of the queue that is under way here


@dataclass
class OfItsRun(CachePolicy):
    """For a task that says nothing of a cache: a result's key is the id of its run, so a port knows whose it is.

    Prefect's own is a hash with the run's id in it. A task that another one calls keeps that: no queue sent its run.
    """

    def compute_key(self, task_ctx: Any, inputs: Any, flow_parameters: Any, **more: Any) -> str | None:
        """As Prefect's."""
        run = task_ctx.task_run.id
        return str(run) if run == in_hand.get() else DEFAULT.compute_key(task_ctx, inputs, flow_parameters, **more)


OF_ITS_RUN = OfItsRun()
known: dict[str, Task[..., Any]] = {}  # by their keys: the tasks that this process has submitted or serves


class Plain(Serializer):  # Prefect takes Serializer[Any] for another kind
    """Prefect's name for what writes a result and reads it. task: the key of the task whose signature says how."""

    type: str = Field(default="plain", frozen=True)
    task: str = ""

    def _hint(self) -> Any:
        task = known.get(self.task)
        if not task or inspect.isgeneratorfunction(task.fn) or inspect.isasyncgenfunction(task.fn):
            return NONE  # a list is made of what it yields
        return hints_of(task.fn).get("return", NONE)

    def dumps(self, obj: Any) -> bytes:
        """Raises CannotTravel. An exception goes as its type's name and its message."""
        if isinstance(obj, BaseException):
            return orjson.dumps({"error": [type(obj).__name__, str(obj).encode(errors="replace").decode()[:100_000]]})
        return orjson.dumps({"value": to_json(obj, self._hint(), "its result")})

    def loads(self, blob: bytes) -> Any:
        shape = parsed(blob)
        if "error" in shape:
            return FailedThere(": ".join(shape["error"]))
        return back_from_json(shape["value"], self._hint())


async def store_parameters(result_store: ResultStore, identifier: UUID, parameters: dict[str, Any]) -> None:
    """Replaces Prefect's: the parameters alone, without the submitter's settings. Raises CannotTravel."""
    task = known[typing.cast(Plain, result_store.serializer).task]
    if parameters.get("wait_for"):
        raise CannotTravel("wait_for names runs of this process, which cannot travel. Try: submit when they have ended")
    hints = hints_of(task.fn)
    given = parameters.get("parameters", {})
    plain = {name: to_json(value, hints.get(name, NONE), f"{name} of {task.name}") for name, value in given.items()}
    metadata = ResultRecordMetadata(serializer=result_store.serializer, storage_key=str(identifier))
    record: ResultRecord[Any] = ResultRecord(result=orjson.dumps({"parameters": plain}).decode(), metadata=metadata)
    content = record.model_dump_json(serialize_as_any=True).encode()
    if len(content) > LARGEST:
        raise CannotTravel(f"the parameters of {task.name} have {len(content):,} bytes, and {LARGEST:,} may travel")
    if has_many(record.result.encode()):
        raise CannotTravel(f"the parameters of {task.name} have more than {MOST:,} values, and so many may travel")
    await typing.cast(Files, result_store.result_storage).awrite_path(f"parameters/{identifier}", content)


async def read_parameters(result_store: ResultStore, identifier: UUID) -> dict[str, Any]:
    """Replaces Prefect's. Raises NotPlain where they are not what the signature declares, and OtherVersion."""
    task = known[typing.cast(Plain, result_store.serializer).task]
    content = await typing.cast(Files, result_store.result_storage).aread_path(f"parameters/{identifier}")
    hints, given = hints_of(task.fn), parsed(parsed(content)["result"])["parameters"]
    need_same_parameters(task.fn, given)
    found = {}
    for name, value in given.items():
        try:
            found[name] = back_from_json(value, hints.get(name, NONE))
        except ValueError:
            raise NotPlain(f"{name} of {task.name} is not what its signature declares") from None
    return {"parameters": found}


# --- what Prefect is given -----------------------------------------------------------------------------


class Files(WritableFileSystem):
    """What Prefect sees as its storage. It looks at every file before Prefect gets it."""

    _where: Any = PrivateAttr()

    def _resolve_path(self, path: str) -> str | None:
        """Prefect asks under which key it will find a result again; None: under the one that it has."""
        return key_of(path) if path and key_of(path) != path else None

    def read_path(self, path: str, _sync: bool = True) -> bytes:  # type: ignore[override]
        return checked_record(self._where.read(key_of(path)), key_of(path))

    def write_path(self, path: str, content: bytes, _sync: bool = True) -> None:  # type: ignore[override]
        self._where.write(key_of(path), checked_record(content, key_of(path)))

    async def aread_path(self, path: str) -> bytes:
        return checked_record(await self._where.aread(key_of(path)), key_of(path))

    async def awrite_path(self, path: str, content: bytes) -> None:
        await self._where.awrite(key_of(path), checked_record(content, key_of(path)))


def use_storage(where: Any) -> None:
    """From now on the tasks of this process write and read plain JSON there. where: see storage.py."""
    files = Files()
    files._where = where
    default = results._DefaultResultStorage(files, results._DefaultResultStorageSource.SETTINGS)

    def plain_store(self: ResultStore, task: Task[..., Any]) -> ResultStore:
        # Instead of what the task itself says: result_storage, result_serializer, the storage of its cache policy.
        known[task.task_key] = task
        if task.cache_policy is DEFAULT:
            task.cache_policy = OF_ITS_RUN  # type: ignore[assignment]  # mypy takes it for NO_CACHE's
        ours = {"result_storage": files, "serializer": Plain(task=task.task_key), "metadata_storage": None}
        return self.model_copy(update=ours | {"cache_result_in_memory": task.cache_result_in_memory})

    async def later(self: ResultStore, task: Task[..., Any]) -> ResultStore:
        return plain_store(self, task)

    def update_for_task(self: ResultStore, task: Task[..., Any], _sync: bool = False) -> Any:
        if asyncio._get_running_loop() and not _sync:
            return later(self, task)
        return plain_store(self, task)

    async def task_storage() -> Files:
        return files

    async def result_storage() -> Any:
        return default

    ResultStore.update_for_task = update_for_task  # type: ignore[method-assign]
    ResultStore.aupdate_for_task = later  # type: ignore[method-assign, assignment]
    results._get_default_result_storage = lambda: default
    results._aget_default_result_storage = result_storage
    for module in (results, tasks, task_worker):
        module.get_or_create_default_task_scheduling_storage = task_storage  # type: ignore[attr-defined]
    task_worker.store_parameters, task_worker.read_parameters = store_parameters, read_parameters
