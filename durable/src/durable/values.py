"""Values as plain JSON and back, by the types that a task's signature declares; and why a value cannot travel so."""

import collections.abc
import dataclasses
import inspect
import logging
import math
import sys
import types
import typing
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from types import GenericAlias
from typing import Annotated, Any, NamedTuple

import orjson
import typing_extensions
from prefect.exceptions import SerializationError
from pydantic import BaseModel, Secret, SecretBytes, SecretStr, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from durable.json_limits import shallow
from durable.text import printable

logger = logging.getLogger("durable.values")
NONE = inspect.Parameter.empty
NOT_JSON = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
LISTS = (collections.abc.Iterable, collections.abc.Collection, collections.abc.Container)
KEPT = 1000  # TypeAdapters; each takes some ms to make
PLAIN = "text, numbers, lists, dicts"


class CannotTravel(SerializationError):
    """A value that JSON cannot carry so that it comes back equal."""


class Reason(NamedTuple):
    """Why a value cannot travel: where in it, what is so there, and what helps."""

    place: str
    why: str
    remedy: str


# --- what the signature declares ----------------------------------------------------------------------


@lru_cache(maxsize=KEPT)
def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """What the signature declares, by name; `return` for the result. *args are a tuple, **kwargs a dict.

    A name that is only there for a type checker costs its own parameter, and no other.
    """
    names = getattr(inspect.unwrap(function), "__globals__", {})
    declared = {name: _resolved(written, names) for name, written in _written(function).items()}
    hints = {name: hint for name, hint in declared.items() if hint is not NONE}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is None and name in hints:
            hints[name] = hints[name] | None
        if parameter.kind is parameter.VAR_POSITIONAL:
            hints[name] = GenericAlias(tuple, (hints.get(name, Any), ...))
        elif parameter.kind is parameter.VAR_KEYWORD:
            hints[name] = GenericAlias(dict, (str, hints.get(name, Any)))
    return {name: _as_json_if_it_ends(hint) for name, hint in hints.items() if hint is not Any}


def _written(function: Callable[..., Any]) -> dict[str, Any]:
    if sys.version_info >= (3, 14):  # where annotations are code, and one that fails would take the others along
        import annotationlib  # noqa: PLC0415

        return annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF)
    return dict(getattr(function, "__annotations__", {}))


def _resolved(written: Any, names: dict[str, Any]) -> Any:
    """NONE, where it names what is not there."""

    def holder() -> None: ...

    holder.__annotations__ = {"it": written}
    try:
        return typing.get_type_hints(holder, globalns=names, include_extras=True)["it"]
    except Exception:  # whatever an annotation does
        return NONE


def _as_json_if_it_ends(hint: Any) -> Any:
    try:
        return as_json(hint)
    except RecursionError:  # a TypedDict that has itself in it
        return hint


def as_json(hint: Any) -> Any:
    """The type with lists where it says Iterable (pydantic would return an iterator), and with a TypedDict that
    pydantic takes (before Python 3.12 only that of typing_extensions).
    """
    if hint in LISTS or (typing.get_origin(hint) in LISTS and not typing.get_args(hint)):
        return list
    if typing.is_typeddict(hint) and sys.version_info < (3, 12):
        return _typed_dict(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if not arguments or origin is typing.Literal:
        return hint
    if origin is Annotated:
        return Annotated[(as_json(arguments[0]), *arguments[1:])]
    inside = tuple(each if each is ... else as_json(each) for each in arguments)
    if origin in LISTS:
        return GenericAlias(list, inside)
    if inside == arguments:
        return hint
    if origin in (typing.Union, types.UnionType):
        return typing.Union[inside]  # noqa: UP007
    return GenericAlias(origin, inside) if isinstance(origin, type) else hint


def _typed_dict(hint: Any) -> Any:
    fields = {}
    for name, kind in typing.get_type_hints(hint, include_extras=True).items():
        inner = typing.get_args(kind)[0] if typing.get_origin(kind) in (typing.Required, typing.NotRequired) else kind
        needed = name in hint.__required_keys__
        fields[name] = (typing_extensions.Required if needed else typing_extensions.NotRequired)[as_json(inner)]
    return typing_extensions.TypedDict(hint.__name__, fields)  # type: ignore[operator]


_adapters: dict[int, tuple[Any, TypeAdapter[Any]]] = {}  # by the hint's id; with the hint, which so keeps that id


def _adapter(hint: Any) -> TypeAdapter[Any]:
    """Raises PydanticUserError for a type that pydantic has no schema for."""
    kept = _adapters.get(id(hint))
    if not kept:
        if len(_adapters) >= KEPT:
            _adapters.clear()
        kept = _adapters[id(hint)] = (hint, TypeAdapter(hint))
    return kept[1]


# --- there and back -------------------------------------------------------------------------------------


def back_from_json(plain: Any, hint: Any) -> Any:
    """The value of the declared type. Raises ValueError (pydantic's) if it is not one."""
    if hint is NONE:
        return plain
    # Fields go by their names, whatever aliases they have: those are for others' JSON.
    return _adapter(hint).validate_json(orjson.dumps(plain), by_alias=True, by_name=True)


def to_json(value: Any, hint: Any, name: str) -> Any:
    """The value as lists, dicts and plain values. Raises CannotTravel if it would not come back equal."""
    back, error = NONE, None
    try:
        plain = value
        if hint is not NONE:
            plain = _adapter(hint).dump_python(value, mode="json", by_alias=False, warnings="error")
        plain = orjson.loads(orjson.dumps(plain, option=NOT_JSON))
        back = back_from_json(plain, hint)
        # In its file it is inside two objects at the most (json_format.checked_record()).
        if shallow([[plain]]) and same(value, back):
            if hint is not NONE:
                _tell_of_zones(value, name)
            return plain
    except Exception as problem:  # of any class's own code, too
        error = problem
    place, why, remedy = next(_reasons(value, hint, name, back, error))
    declared = "has no declared type" if hint is NONE else f"is declared {_named(hint)}"
    at = "" if place == name else f"at {printable(place)} "
    raise CannotTravel(f"{name} {declared}, and {at}{why}, so it cannot travel to another machine. Try: {remedy}")


def same(value: Any, back: Any) -> bool:
    """Whether it came back as it was. A moment is a moment, in whatever zone."""
    if bool(back == value):
        return True
    if isinstance(value, datetime) and isinstance(back, datetime):
        # Python calls two moments different where the one is in the hour of a clock change.
        return bool(value.tzinfo and back.tzinfo) and value.astimezone(UTC) == back.astimezone(UTC)
    if type(value) is not type(back):
        return False
    there, here = dict(_parts(value, "")), dict(_parts(back, ""))
    return bool(there) and there.keys() == here.keys() and all(same(there[at], here[at]) for at in there)


def _parts(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """What is in a list, a dict, a dataclass or a model, each with its place."""
    if isinstance(value, list | tuple):
        yield from ((f"{place}[{number}]", each) for number, each in enumerate(value))
    elif isinstance(value, set | frozenset):
        yield from ((f"{place}{{…}}", each) for each in value)
    elif isinstance(value, dict):
        yield from ((f"{place}[{key!r}]", each) for key, each in value.items())
    elif isinstance(value, BaseModel):
        yield from ((f"{place}.{key}", each) for key, each in {**value.__dict__, **(value.model_extra or {})}.items())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((f"{place}.{key.name}", getattr(value, key.name, None)) for key in dataclasses.fields(value))


_told: set[str] = set()


def _tell_of_zones(value: Any, name: str) -> None:
    """Once in a process: a zone is a rule for other moments, too, and only this moment travels."""
    if _told:
        return
    if isinstance(value, datetime) and (zone := getattr(value.tzinfo, "key", None)):
        if zone not in ("UTC", "Etc/UTC"):
            _told.add(zone)
            logger.warning(
                "%s travels as a moment, with its offset from UTC and without the name of its zone, %s", name, zone
            )
        return
    for place, each in _parts(value, name):
        _tell_of_zones(each, place)


# --- why not ----------------------------------------------------------------------------------------------


def _reasons(value: Any, hint: Any, place: str, back: Any, error: Exception | None) -> Iterator[Reason]:
    """The first one counts."""
    yield from _of_no_json(value, place, 0)
    if hint is NONE:
        at, part = _undeclared(value, place)
        yield Reason(at, _not_the_same(part), f"declare its type in the signature, or give {PLAIN}")
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        at = place + "".join(f"[{each!r}]" if isinstance(each, int) else f".{each}" for each in first["loc"])
        if first["type"] == "extra_forbidden":
            why = "there is a computed field, which is written, and its model forbids extra fields"
            yield Reason(at, why, "set extra='ignore' in its model_config")
        yield Reason(at, f"{_not_the_same(value)} ({first['msg']})", f"give what is declared, or {PLAIN}")
    if isinstance(error, PydanticUserError):
        why = f"pydantic does not know how to write {type(value).__name__}"
        yield Reason(place, why, f"use a dataclass, a pydantic model, or {PLAIN}")
    if back is not NONE:
        yield from _of_another(value, back, place, 0)
    yield Reason(place, _not_the_same(value), f"give what is declared, {_named(hint)}, or declare what is given")


def _named(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)


def _not_the_same(value: Any) -> str:
    return f"{type(value).__name__} does not come back from JSON the same"


def _of_no_json(value: Any, place: str, depth: int) -> Iterator[Reason]:
    """Values that no declaration helps."""
    if isinstance(value, float) and not math.isfinite(value):
        yield Reason(place, f"{value} is a number that JSON does not have", "give None, or text")
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        yield Reason(place, "it has over 64 bits", "give str(…), and use int(…) in the task")
    elif isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        yield Reason(place, "it has half a character (a surrogate)", "set errors='replace' where it was read")
    elif isinstance(value, bytes) and value.decode(errors="replace").encode() != value:
        yield Reason(place, "it is bytes that are no UTF-8", "give base64.b64encode(…).decode()")
    elif isinstance(value, SecretStr | SecretBytes | Secret):
        remedy = "give the name under which the task finds it"
        yield Reason(place, "it is a secret, and only its stars would be written", remedy)
    elif depth > 100:
        yield Reason(place, "it has too many lists or objects inside each other", "make it flatter")
    else:
        for at, each in _parts(value, place):
            yield from _of_no_json(each, at, depth + 1)


def _undeclared(value: Any, place: str) -> tuple[str, Any]:
    """The first part that is no plain value, and where it is."""
    if type(value) in (list, dict):
        for at, each in _parts(value, place):
            where, part = _undeclared(each, at)
            if type(part) not in (str, int, float, bool, type(None), list, dict):
                return where, part
    return place, value


def _of_another(value: Any, back: Any, place: str, depth: int) -> Iterator[Reason]:
    """Where what came back differs first."""
    if same(value, back) or depth > 100:
        return
    kind, other = type(value), type(back)
    if kind is other:
        there, here = list(_parts(value, place)), dict(_parts(back, place))
        for at, each in there:
            if at in here:
                yield from _of_another(each, here[at], at, depth + 1)
        yield Reason(place, _not_the_same(value), f"use a type whose == is true for what comes back, or {PLAIN}")
    elif issubclass(kind, other):
        why = f"{kind.__name__} would come back as {other.__name__}, its parent, without what it adds"
        yield Reason(place, why, f"declare {kind.__name__}, or both: {kind.__name__} | {other.__name__}")
    else:
        why = f"{kind.__name__} would come back as {other.__name__}"
        yield Reason(place, f"{_not_the_same(value)}: {why}", f"declare {kind.__name__}, or give {other.__name__}")
