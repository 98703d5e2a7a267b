"""Plain JSON of parameters and results: what travels comes back equal; what may not is refused and never built."""

import json
import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from types import GenericAlias
from typing import Any, ClassVar, Literal
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prefect import Task, task
from prefect.results import ResultStore
from pydantic import BaseModel

from durable import json_format, json_limits
from durable.json_format import (
    KEY,
    METADATA,
    NONE,
    CannotTravel,
    FailedThere,
    Files,
    Plain,
    back_from_json,
    checked_record,
    hints_of,
    key_of,
    need_plain_metadata,
    read_parameters,
    store_parameters,
    to_json,
)
from durable.json_limits import DEEPEST, LARGEST, MOST, NotPlain, parsed, shallow
from durable.task_versions import OtherVersion


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Name(str):
    pass


@dataclass
class Point:
    x: int
    y: float = 0.0
    labels: list[str] = field(default_factory=list)


@dataclass
class Further(Point):
    z: int = 0


class Person(BaseModel):
    name: str
    born: date | None = None
    home: Point | None = None


class Pilot(Person):
    ship: str = "Heart of Gold"


@dataclass
class Counted:
    """Knows how often it was built."""

    x: int
    built: ClassVar[int] = 0

    def __post_init__(self) -> None:
        Counted.built += 1


# --- there and back -----------------------------------------------------------------------------------

WHOLE = st.integers(-(2**63), 2**64 - 1)  # what JSON's numbers hold here
FINITE = st.floats(allow_nan=False, allow_infinity=False)
PEOPLE = st.builds(
    Person, name=st.text(), born=st.none() | st.dates(), home=st.none() | st.builds(Point, WHOLE, FINITE)
)
SIMPLE: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (bool, st.booleans()),
    (int, WHOLE),
    (float, FINITE),
    (str, st.text()),
    (bytes, st.text().map(str.encode)),
    (datetime, st.datetimes()),
    (datetime, st.datetimes(timezones=st.just(UTC))),
    (date, st.dates()),
    (time, st.times()),
    (timedelta, st.timedeltas(timedelta(-9999), timedelta(9999))),
    (UUID, st.uuids()),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (Colour, st.sampled_from(Colour)),
    (Literal["a", 1], st.sampled_from(["a", 1])),
    (set[int], st.sets(WHOLE)),
    (frozenset[str], st.frozensets(st.text())),
    (tuple[int, str], st.tuples(WHOLE, st.text())),
    (int | str, WHOLE | st.text()),
    (dict[UUID, int], st.dictionaries(st.uuids(), WHOLE)),
    (Point, st.builds(Point, x=WHOLE, y=FINITE, labels=st.lists(st.text()))),
    (Person, PEOPLE),
]


def around(inner: tuple[Any, st.SearchStrategy[Any]]) -> st.SearchStrategy[tuple[Any, st.SearchStrategy[Any]]]:
    hint, values = inner
    return st.sampled_from(
        [
            (list[hint], st.lists(values, max_size=3)),
            (hint | None, st.none() | values),
            (dict[str, hint], st.dictionaries(st.text(), values, max_size=3)),
            (tuple[hint, ...], st.lists(values, max_size=3).map(tuple)),
        ]
    )


DECLARED = st.recursive(st.sampled_from(SIMPLE), lambda inner: inner.flatmap(around), max_leaves=3)
UNDECLARED = st.recursive(
    st.none() | st.booleans() | WHOLE | FINITE | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
# What JSON cannot carry, or only as something else.
AWKWARD = st.sampled_from(
    [float("nan"), float("inf"), 2**64, -(2**63) - 1, b"\xff", "\ud800", object(), len, (1, 2), {1}, {1: "a"}]
    + [Decimal(1), date(2026, 1, 1), UUID(int=1), Colour.RED, Point(1), Further(1), Person(name="a"), Pilot(name="a")]
)  # fmt: skip


@given(st.data())
def test_a_value_of_its_declared_type_comes_back_as_it_was(data: st.DataObject) -> None:
    hint, values = data.draw(DECLARED)
    value = data.draw(values)
    there = to_json(value, hint, "x")
    assert parsed(orjson.dumps(there)) == there
    back = back_from_json(there, hint)
    assert back == value and type(back) is type(value)


@given(UNDECLARED)
def test_plain_values_need_no_declared_type(value: Any) -> None:
    assert repr(back_from_json(to_json(value, NONE, "x"), NONE)) == repr(value)


@given(st.data())
def test_any_value_of_any_declared_type_comes_back_equal_or_is_refused(data: st.DataObject) -> None:
    hint = data.draw(DECLARED | st.sampled_from([(NONE, None), (Any, None), (list[Any], None)]))[0]
    value = data.draw(AWKWARD | UNDECLARED | DECLARED.flatmap(lambda declared: declared[1]) | st.lists(AWKWARD))
    try:
        there = orjson.dumps(to_json(value, hint, "x"))
    except CannotTravel:
        return
    assert back_from_json(parsed(there), hint) == value


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        *((NONE, value) for value in ((1, 2), {1}, b"a", datetime(2026, 1, 1), UUID(int=1), Decimal(1), Point(1))),
        *((NONE, value) for value in (float("nan"), float("inf"), 2**64, "\ud800", {1: "a"}, object(), Colour.RED)),
        *((NONE, [value]) for value in ((1, 2), {1}, datetime(2026, 1, 1), 2**64, "\ud800", object())),
        (NONE, Name("a")),  # equal, and yet no text alone
        *((list[Any], [value]) for value in ((1, 2), datetime(2026, 1, 1), UUID(int=1), Point(1))),
        (float, float("nan")),
        (float, float("inf")),
        (float | None, float("inf")),  # which JSON would make null of
        (Decimal, Decimal("nan")),
        (int, 2**64),
        (int, "1"),
        (int, 1.5),
        (int, 1.0),  # equal, and yet of another type
        (bool, 1),
        (str, 1),
        (UUID, str(UUID(int=1))),
        (bytes, b"\xff"),
        (set[int], [1]),
        (list[int], (1,)),
        (tuple[int, str], (1, "a", 2)),
        (Point, {"x": 1}),
        (Point, Further(1, z=2)),  # which would come back without its z
        (Person, Pilot(name="a")),
        (Point, Point("1")),  # type: ignore[arg-type]
        (object, object()),
        (Callable[[], int], len),
    ],
)
def test_what_would_come_back_as_something_else_is_refused(hint: Any, value: Any) -> None:
    with pytest.raises(CannotTravel):
        to_json(value, hint, "x")


def test_who_refuses_says_what_and_why() -> None:
    with pytest.raises(CannotTravel, match=r"^x of greet is declared UUID, and int does not come back .* Try: "):
        to_json(1, UUID, "x of greet")
    with pytest.raises(CannotTravel, match=r"^x has no declared type, and set does not come back .* Try: "):
        to_json({1}, NONE, "x")


def test_what_the_signature_declares() -> None:
    def all_kinds(a: int, b: str = None, c=1, d: Any = 1, *more: UUID, e: float = 1, **rest: date) -> bool: ...  # type: ignore # noqa: RUF013
    def bare(*more, **rest): ...  # type: ignore[no-untyped-def]
    def unresolved(a: "NotThere", *more: "NotThere") -> "NotThere": ...  # type: ignore[name-defined] # noqa: F821

    assert hints_of(all_kinds) == {
        "a": int,
        "b": str | None,
        "more": GenericAlias(tuple, (UUID, ...)),
        "e": float,
        "rest": dict[str, date],
        "return": bool,
    }
    assert hints_of(bare) == {"more": GenericAlias(tuple, (Any, ...)), "rest": dict[str, Any]}
    assert hints_of(unresolved) == {"more": GenericAlias(tuple, (Any, ...))}


# --- size, depth and shape, before anything is built ----------------------------------------------------


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def nested(levels: int, inner: Any, kinds: str = "[") -> Any:
    for level in range(levels):
        inner = [inner] if kinds[level % len(kinds)] == "[" else {"a": inner}
    return inner


@given(UNDECLARED, st.integers(0, 4))
def test_shallow_counts_the_lists_and_objects_inside_each_other(value: Any, deepest: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_limits, "DEEPEST", deepest)
        assert shallow(value) is (depth(value) <= deepest)


@pytest.mark.parametrize("kinds", ["[", "{", "[{"])
@pytest.mark.parametrize("inner", [1, None, "text", [], {}])
def test_the_deepest_may_travel_and_one_more_may_not(kinds: str, inner: Any) -> None:
    deepest = nested(DEEPEST - depth(inner), inner, kinds)
    assert parsed(orjson.dumps(deepest)) == deepest
    for deeper in ([deepest], {"a": deepest}, [1, [], deepest]):
        with pytest.raises(NotPlain, match=f"nested deeper than {DEEPEST}"):
            parsed(orjson.dumps(deeper))


def test_thousands_inside_each_other_are_refused_and_no_error_of_the_parser() -> None:
    for levels in (1000, 1025, 100_000):
        with pytest.raises(NotPlain):
            parsed(b"[" * levels + b"]" * levels)


def test_the_largest_may_travel_and_one_byte_more_may_not() -> None:
    text = b'"' + b"x" * (LARGEST - 2) + b'"'
    assert len(parsed(text)) == LARGEST - 2
    with pytest.raises(NotPlain, match="larger than 10,000,000 bytes"):
        parsed(text + b" ")
    assert parsed("[1]", 3) == [1]
    with pytest.raises(NotPlain, match="larger than 2 bytes"):
        parsed("[1]", 2)


@pytest.mark.parametrize("content", [b"", b"{", b"nan", b"[NaN]", b"Infinity", b"'a'", b"\xff", b'"\\ud800"', b"1 2"])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(NotPlain, match="it is no JSON"):
        parsed(content)


KEYS = "0123456789abcdef" * 2, "01234567-89ab-cdef-0123-456789abcdef"
GOOD = {
    "storage_key": KEYS[1],
    "expiration": None,
    "serializer": {"type": "plain", "task": "k"},
    "prefect_version": "3.9.1",
    "storage_block_id": None,
}
GONE = object()


@pytest.mark.parametrize(
    ("name", "value", "good"),
    [
        ("storage_key", KEYS[0], True),
        ("storage_key", KEYS[1], True),
        ("storage_key", KEYS[0].upper(), False),
        ("storage_key", KEYS[1] + "\n", False),
        ("storage_key", KEYS[1][:-1], False),
        ("storage_key", KEYS[1] + "0", False),
        ("storage_key", "../" + KEYS[0], False),
        ("storage_key", "", False),
        ("storage_key", 1, False),
        ("storage_key", None, False),
        ("storage_key", GONE, False),
        *((name, value, True) for name in ("expiration", "prefect_version") for value in ("", "x" * 40, None, GONE)),
        *((name, value, False) for name in ("expiration", "prefect_version") for value in ("x" * 41, 1, [], {}, False)),
        ("storage_block_id", GONE, True),
        ("storage_block_id", KEYS[1], False),
        ("storage_block_id", "", False),
        ("serializer", {"type": "plain"}, True),
        ("serializer", {"type": "plain", "task": ""}, True),
        ("serializer", {"type": "plain", "task": None}, False),
        ("serializer", {"type": "plain", "task": ["k"]}, False),
        ("serializer", {"type": "plain", "picklelib": "cloudpickle"}, False),
        ("serializer", {"type": "plain", "object_decoder": "os.system"}, False),
        ("serializer", {"type": "pickle"}, False),
        ("serializer", {"type": "compressed/plain"}, False),
        ("serializer", {"type": ["plain"]}, False),
        ("serializer", {"task": "k"}, False),
        ("serializer", {}, False),
        ("serializer", "plain", False),
        ("serializer", None, False),
        ("serializer", GONE, False),
        ("more", None, False),
    ],
)
def test_which_metadata_a_plain_result_has(name: str, value: Any, good: bool) -> None:
    metadata = {key: each for key, each in (GOOD | {name: value}).items() if each is not GONE}
    if good:
        need_plain_metadata(metadata)
        return
    with pytest.raises(NotPlain):
        need_plain_metadata(metadata)


@pytest.mark.parametrize("metadata", [None, "text", 1, [], list(METADATA), {}])
def test_what_is_no_metadata_at_all(metadata: Any) -> None:
    with pytest.raises(NotPlain):
        need_plain_metadata(metadata)


def record(inner: Any, key: str = KEYS[1], **more: Any) -> bytes:
    text = inner if isinstance(inner, str) else json.dumps(inner)
    return json.dumps({"metadata": GOOD | {"storage_key": key}, "result": text} | more).encode()


PARAMETERS = f"parameters/{KEYS[1]}"


@pytest.mark.parametrize(
    ("inner", "as_parameters", "as_result"),
    [
        ({"parameters": {}}, True, False),
        ({"parameters": {"a": [1]}}, True, False),
        ({"parameters": []}, False, False),
        ({"parameters": "a"}, False, False),
        ({"parameters": {}, "value": 1}, False, False),
        ({"parameters": {}, "context": {}}, False, False),
        ({"value": None}, False, True),
        ({"value": {"parameters": {}}}, False, True),
        ({"value": 1, "error": ["a", "b"]}, False, False),
        ({"error": ["ValueError", "message"]}, False, True),
        ({"error": ["ValueError"]}, False, False),
        ({"error": ["ValueError", "a", "b"]}, False, False),
        ({"error": ["ValueError", 1]}, False, False),
        ({"error": "ab"}, False, False),
        ({"error": {"a": "b"}}, False, False),
        ({"error": None}, False, False),
        ({}, False, False),
        ([], False, False),
        (1, False, False),
        ("", False, False),
        ("gASVBAAAAA==", False, False),  # a pickle, as Prefect writes it
        ({"value": nested(DEEPEST - 1, 1)}, False, True),
        ({"value": nested(DEEPEST, 1)}, False, False),
    ],
)
def test_what_a_file_of_a_run_has(inner: Any, as_parameters: bool, as_result: bool) -> None:
    for key, good in ((PARAMETERS, as_parameters), (KEYS[1], as_result)):
        if good:
            assert json.loads(checked_record(record(inner), key)) == json.loads(record(inner))
            continue
        with pytest.raises(NotPlain):
            checked_record(record(inner), key)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04\x95.",
        b"[]",
        b"null",
        b"{}",
        json.dumps({"metadata": GOOD}).encode(),
        json.dumps({"result": '{"value": 1}'}).encode(),
        json.dumps({"metadata": GOOD, "result": {"value": 1}}).encode(),
        json.dumps({"metadata": GOOD, "result": None}).encode(),
        record({"value": 1}, key=KEYS[0]),  # of another run
        record({"value": 1}, more=1),
        record({"value": 1}, metadata=GOOD | {"serializer": {"type": "pickle"}}),
    ],
)
def test_what_is_no_file_of_this_run(content: bytes) -> None:
    with pytest.raises(NotPlain):
        checked_record(content, KEYS[1])


def test_of_two_equal_names_one_is_left() -> None:
    evil = json.dumps(GOOD | {"serializer": {"type": "pickle"}})
    content = record({"value": 1})[1:]
    seen = checked_record(f'{{"metadata": {evil}, "result": "evil", '.encode() + content, KEYS[1])
    assert seen == orjson.dumps(json.loads(record({"value": 1})))
    with pytest.raises(NotPlain):
        checked_record(b"{" + content[:-1] + f', "metadata": {evil}}}'.encode(), KEYS[1])


def test_a_file_of_the_largest_size_may_travel_and_one_byte_more_may_not() -> None:
    space = LARGEST - len(record({"value": ""}))
    assert checked_record(record({"value": "x" * space}), KEYS[1])
    with pytest.raises(NotPlain, match="larger"):
        checked_record(record({"value": "x" * (space + 1)}), KEYS[1])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, each in inner for place in places(each, (*path, name)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@given(st.data())
def test_a_file_that_was_changed_anywhere_is_refused_or_plain(data: st.DataObject) -> None:
    key = data.draw(st.sampled_from([PARAMETERS, KEYS[1]]))
    inner = {"parameters": {"a": 1}} if key == PARAMETERS else {"error": ["ValueError", "text"]}
    whole = {"metadata": GOOD, "inner": inner}
    whole = changed(whole, data.draw(st.sampled_from(places(whole))), data.draw(UNDECLARED | st.just(inner)))
    outer = whole if not isinstance(whole, dict) or "inner" not in whole else {
        "metadata": whole.get("metadata"), "result": json.dumps(whole["inner"])
    }  # fmt: skip
    content = json.dumps(outer).encode()
    try:
        seen = checked_record(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))], key)
    except NotPlain:
        return
    assert checked_record(seen, key) == seen
    found = json.loads(seen)
    assert found["metadata"]["serializer"]["type"] == "plain" and found["metadata"]["storage_key"] == KEYS[1]
    assert json.loads(found["result"]).keys() <= ({"parameters"} if key == PARAMETERS else {"value", "error"})


@given(st.text() | st.from_regex(KEY) | st.sampled_from([*KEYS, PARAMETERS, "parameters/../x", "../" + KEYS[0]]))
def test_no_key_leaves_the_folder(path: str) -> None:
    key = key_of(path)
    assert re.fullmatch(r"(parameters/)?[0-9a-f-]{32,36}", key) and key_of(key) == key
    assert (key == path) is bool(KEY.fullmatch(path.removeprefix("parameters/")))


# --- a run's parameters and its result, in their files ----------------------------------------------------


class Memory:
    """A storage that keeps its files in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def write(self, key: str, content: bytes) -> None:
        self.files[key] = content

    def read(self, key: str) -> bytes:
        return self.files[key]

    async def awrite(self, key: str, content: bytes) -> None:
        self.files[key] = content

    async def aread(self, key: str) -> bytes:
        return self.files[key]


@task
def greet(
    who: Person, when: datetime = datetime(2026, 1, 1), *more: UUID, price: Decimal | None = None, **rest: Point
) -> None: ...


@task
def count(what: Counted, text: Any = None) -> Counted | None: ...


CONTEXT = "the submitter's settings, with a password"  # which must not travel; no value that Hypothesis makes up is it


def at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What it returns. It waits for nothing, and an event loop for each example would cost seconds."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def store_for(of: Task[..., Any], memory: Memory) -> ResultStore:
    json_format.known[of.task_key] = of
    files = Files()
    files._where = memory
    return ResultStore(result_storage=files, serializer=Plain(task=of.task_key))


def given_to(of: Task[..., Any], memory: Memory, **parameters: Any) -> UUID:
    """Where they are."""
    identifier = uuid4()
    at_once(store_parameters(store_for(of, memory), identifier, {"parameters": parameters, "context": CONTEXT}))
    return identifier


def read(of: Task[..., Any], memory: Memory, identifier: UUID) -> Any:
    return at_once(read_parameters(store_for(of, memory), identifier))


@given(
    PEOPLE,
    st.datetimes(),
    st.lists(st.uuids(), max_size=2).map(tuple),
    st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.text(), st.builds(Point, WHOLE), max_size=2),
)
def test_parameters_come_back_as_their_signature_says_and_nothing_else_goes_along(
    who: Person, when: datetime, more: tuple[UUID, ...], price: Decimal | None, rest: dict[str, Point]
) -> None:
    memory, parameters = Memory(), {"who": who, "when": when, "more": more, "price": price, "rest": rest}
    identifier = given_to(greet, memory, **parameters)
    assert read(greet, memory, identifier) == {"parameters": parameters}
    (content,) = memory.files.values()
    assert CONTEXT.encode() not in content and list(memory.files) == [f"parameters/{identifier}"]


@pytest.mark.parametrize(
    "parameters",
    [{"what": {"x": 1}}, {"what": Counted(1), "text": object()}, {"what": Counted(1), "text": datetime(2026, 1, 1)}],
)
def test_of_parameters_that_cannot_travel_nothing_is_written(parameters: Any) -> None:
    memory = Memory()
    with pytest.raises(CannotTravel, match=r"^(what|text) of count "):
        given_to(count, memory, **parameters)
    with pytest.raises(CannotTravel, match="wait_for"):
        at_once(store_parameters(store_for(count, memory), uuid4(), {"parameters": {}, "wait_for": [1]}))
    assert memory.files == {}


@pytest.mark.parametrize(
    "shape",
    [
        {"parameters": {"what": {"x": "one"}}},
        {"parameters": {"what": {}}},
        {"parameters": {"what": None}},
        {"parameters": {"what": {"x": 1}, "text": nested(DEEPEST, 1)}},
        {"parameters": {"what": {"x": 1}}, "context": {}},
        {"parameters": [{"x": 1}]},
        {"value": {"x": 1}},
    ],
)
def test_of_parameters_that_may_not_travel_nothing_is_built(shape: Any) -> None:
    memory, identifier = Memory(), uuid4()
    memory.files[f"parameters/{identifier}"] = record(shape, key=str(identifier))
    Counted.built = 0
    with pytest.raises(NotPlain):
        read(count, memory, identifier)
    assert Counted.built == 0
    memory.files[f"parameters/{identifier}"] = record({"parameters": {"what": {"x": 1}}}, key=str(identifier))
    assert read(count, memory, identifier) == {"parameters": {"what": Counted(1)}}


def test_with_a_parameter_that_is_unknown_here_nothing_is_built_for_others_may_know_it() -> None:
    memory, identifier = Memory(), uuid4()
    shape = {"parameters": {"what": {"x": 1}, "unknown": 1}}
    memory.files[f"parameters/{identifier}"] = record(shape, key=str(identifier))
    Counted.built = 0
    with pytest.raises(OtherVersion, match="count has no parameter 'unknown' here"):
        read(count, memory, identifier)
    assert Counted.built == 0


def test_parameters_of_the_largest_size_travel_and_one_byte_more_does_not() -> None:
    memory = Memory()
    small = given_to(count, memory, what=Counted(1), text="")
    space = LARGEST - len(memory.files[f"parameters/{small}"])
    identifier = given_to(count, memory, what=Counted(1), text="x" * space)
    assert len(memory.files[f"parameters/{identifier}"]) == LARGEST
    assert len(read(count, memory, identifier)["parameters"]["text"]) == space
    with pytest.raises(CannotTravel, match="10,000,001 bytes, and 10,000,000 may travel"):
        given_to(count, memory, what=Counted(1), text="x" * (space + 1))
    assert len(memory.files) == 2


@pytest.mark.parametrize("inner", [1, []])
def test_parameters_of_the_deepest_kind_travel_and_one_list_more_does_not(inner: Any) -> None:
    memory = Memory()
    deepest = nested(DEEPEST - 2 - depth(inner), inner)  # in their file they are inside two objects
    identifier = given_to(count, memory, what=Counted(1), text=deepest)
    assert read(count, memory, identifier)["parameters"]["text"] == deepest
    with pytest.raises(CannotTravel, match="^text of count "):
        given_to(count, memory, what=Counted(1), text=[deepest])


def test_a_file_is_looked_at_where_it_is_written_and_where_it_is_read() -> None:
    memory = Memory()
    files: Any = store_for(count, memory).result_storage
    for write in (files.write_path, lambda path, content: at_once(files.awrite_path(path, content))):
        with pytest.raises(NotPlain):
            write(KEYS[1], b"\x80\x04.")
    assert memory.files == {}
    memory.files[KEYS[1]] = memory.files[PARAMETERS] = b"\x80\x04."
    for look in (files.read_path, lambda path: at_once(files.aread_path(path))):
        for path in (KEYS[1], PARAMETERS):
            with pytest.raises(NotPlain):
                look(path)


@given(st.integers(), st.text())
@example(2**64, "half a character: \ud800")
def test_a_result_comes_back_and_of_an_exception_its_name_and_its_message(x: int, message: str) -> None:
    json_format.known[count.task_key] = count
    serializer = Plain(task=count.task_key)
    if -(2**63) <= x < 2**64:
        assert serializer.loads(serializer.dumps(Counted(x))) == Counted(x)
    back = serializer.loads(serializer.dumps(ValueError(message)))
    assert type(back) is FailedThere
    assert str(back) == "ValueError: " + message.encode(errors="replace").decode()


def test_of_a_long_message_the_beginning_goes() -> None:
    serializer = Plain(task=count.task_key)
    assert str(serializer.loads(serializer.dumps(KeyError("x" * 100_000)))) == "KeyError: '" + "x" * 99_999


def test_the_result_of_a_generator_is_a_list_whatever_it_declares() -> None:
    @task
    def many() -> Iterator[int]:
        yield 1

    json_format.known[many.task_key] = many
    serializer = Plain(task=many.task_key)
    assert serializer.loads(serializer.dumps([1, "a"])) == [1, "a"]


@pytest.mark.parametrize("one", [b"[]", b"{}", b"1", b'""', b'{"a":[1,2]}', rb'"\\\"[,"'])
def test_more_values_than_a_process_reads_at_once_are_not_parsed(one: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parsed(b"[" + b",".join([one] * 1000) + b"]") == [orjson.loads(one)] * 1000
    content = b"[" + b",".join([one] * (MOST + 1)) + b"]"
    monkeypatch.setattr("durable.json_limits.orjson.loads", None)
    with pytest.raises(NotPlain, match="more than 200,000 values"):
        parsed(content[:LARGEST])


def test_a_long_text_is_one_value() -> None:
    text = 'a, [b], {"c"} \\ ' * 500_000
    assert parsed(orjson.dumps([text])) == [text]
