"""What travels as JSON by its declared type, and what is refused: with the true reason, its place, and what helps."""

import typing
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, SecretStr, computed_field
from pydantic.alias_generators import to_camel

from durable import values
from durable.values import CannotTravel, back_from_json, hints_of, same, to_json

if TYPE_CHECKING:
    from fractions import Fraction

T = TypeVar("T")
BERLIN = ZoneInfo("Europe/Berlin")


class Aliased(BaseModel):
    user_id: str = Field(alias="userId")


class Generated(BaseModel):
    model_config = ConfigDict(alias_generator=AliasGenerator(validation_alias=to_camel, serialization_alias=str.upper))
    first_name: str
    friends_of: list[Aliased] = []


class ByName(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    user_id: str = Field(alias="userId")


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str


class Box(BaseModel, Generic[T]):
    inside: T


class Money(TypedDict):
    amount: int
    currency: NotRequired[str]


class Tree(TypedDict):
    trees: list["Tree"]


class Place(NamedTuple):
    x: int
    name: str = ""


class Colour(Enum):
    RED = "red"


@dataclass
class Order:
    prices: list[float] = field(default_factory=list)
    extra: Any = None


class Parent(BaseModel):
    a: int = 1


class Child(Parent):
    b: int = 2


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    side: int = 1

    @computed_field
    def area(self) -> int:
        return self.side**2


class Unknown:
    pass


def there_and_back(value: Any, hint: Any) -> Any:
    hint = values.as_json(hint)
    return back_from_json(to_json(value, hint, "x"), hint)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (Aliased(userId="1"), Aliased),
        ([Generated(firstName="a", friendsOf=[Aliased(userId="1")])], list[Generated]),
        (ByName(user_id="1"), ByName),
        (Cat(), Annotated[Cat | Dog, Field(discriminator="kind")]),
        ([Dog(name="a"), Cat()], list[Annotated[Cat | Dog, Field(discriminator="kind")]]),
        ([1, 2], Sequence[int]),
        ({"a": [1]}, Mapping[str, Sequence[int]]),
        ([1, 2], Iterable[int]),
        ([1, 2], Iterable),
        ([1, 2], typing.Iterable),
        ([date(2026, 1, 1)], Collection[date]),
        ({"a": [[1]]}, dict[str, Iterable[Iterable[int]]]),
        ([1], Iterable[int] | None),
        ({"amount": 1}, Money),
        ([{"amount": 1, "currency": "EUR"}], list[Money]),
        (Place(1, "a"), Place),
        ("a", Literal["a", "b"]),
        (5, Annotated[int, Field(ge=1)]),
        (Box[int](inside=1), Box[int]),
        (Box[date](inside=date(2026, 1, 1)), Box[date]),
        ([1, "a"], list[T]),  # type: ignore[valid-type]
        (timedelta(days=1), timedelta),
    ],
)
def test_it_comes_back_equal(value: Any, hint: Any) -> None:
    back = there_and_back(value, hint)
    assert back == value and type(back) is type(value)


@pytest.mark.parametrize("zone", [BERLIN, ZoneInfo("America/St_Johns"), ZoneInfo("Australia/Lord_Howe"), UTC])
def test_a_moment_of_any_hour_of_the_year_travels(zone: Any) -> None:
    for hour in range(366 * 24):
        for fold in (0, 1):
            moment = (datetime(2026, 1, 1) + timedelta(hours=hour, minutes=30)).replace(tzinfo=zone, fold=fold)
            assert there_and_back(moment, datetime).timestamp() == moment.timestamp()
    nested = [{"at": datetime(2026, 10, 25, 2, 30, tzinfo=zone, fold=1)}]
    back = there_and_back(nested, list[dict[str, datetime]])
    assert back[0]["at"].timestamp() == nested[0]["at"].timestamp()


def test_a_zones_name_is_lost_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    values._told.clear()
    for _ in range(2):
        to_json(datetime(2026, 1, 1, tzinfo=UTC), datetime, "x of job")
    assert not caplog.messages
    for _ in range(3):
        to_json([datetime(2026, 1, 1, tzinfo=BERLIN)], list[datetime], "x of job")
    [said] = caplog.messages
    assert said.startswith("x of job[0] travels as a moment") and "Europe/Berlin" in said


@pytest.mark.parametrize(
    ("value", "hint", "said"),
    [
        (2**70, int, "x is declared int, and it has over 64 bits, so it cannot travel to another machine. Try: "),
        ([1, -(2**63) - 1], list[int], "x is declared list[int], and at x[1] it has over 64 bits"),
        (
            Order([1.0, float("nan")]),
            Order,
            "x is declared Order, and at x.prices[1] nan is a number that JSON does not",
        ),
        ({"a": float("inf")}, values.NONE, "x has no declared type, and at x['a'] inf is a number that JSON does not"),
        (b"\xff", bytes, "it is bytes that are no UTF-8, so it cannot travel to another machine. Try: give base64"),
        ("\ud800", str, "it has half a character"),
        (SecretStr("a"), SecretStr, "it is a secret, and only its stars would be written"),
        (
            Strict(side=2),
            Strict,
            "x.area there is a computed field, which is written, and its model forbids extra fields",
        ),
        ([Child()], list[Parent], "x[0] Child would come back as Parent, its parent, without what it adds"),
        ((1, 2), Sequence[int], "tuple would come back as list, so it cannot travel"),
        (Unknown(), Unknown, "pydantic does not know how to write Unknown"),
        ("a", int, "str does not come back from JSON the same, so it cannot travel to another machine. Try: give"),
        (
            [{"a": {1}}],
            values.NONE,
            "x has no declared type, and at x[0]['a'] set does not come back from JSON the same",
        ),
        (Order(extra=Decimal(1)), Order, "x.extra Decimal does not come back from JSON the same: Decimal would come"),
    ],
)
def test_it_is_refused_with_the_true_reason_and_a_remedy(value: Any, hint: Any, said: str) -> None:
    with pytest.raises(CannotTravel) as refused:
        there_and_back(value, hint)
    assert said in str(refused.value) and "\n" not in str(refused.value)
    if hint is not values.NONE:
        assert "declaring its type" not in str(refused.value)


def remind(when: date, price: "Fraction", *names: "date", count: Iterable[int] = ()) -> "Nowhere": ...  # type: ignore[name-defined]  # noqa: F821


def test_a_name_for_the_type_checker_costs_its_parameter_alone() -> None:
    assert hints_of(remind) == {"when": date, "names": tuple[date, ...], "count": list[int]}


def plant(tree: Tree, count: int) -> None: ...


def test_a_type_that_has_itself_in_it_costs_no_other() -> None:
    assert hints_of(plant)["count"] is int


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), True),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1), False),
        (datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN), datetime(2026, 3, 29, 1, 30, tzinfo=UTC), True),
        (datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN), datetime(2026, 3, 29, 0, 30, tzinfo=UTC), False),
        ([datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)], [datetime(2026, 3, 29, 1, 30, tzinfo=UTC)], True),
        ([datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)], [datetime(2026, 3, 29, 1, 30, tzinfo=UTC), 1], False),
        ([], [], True),
        ([], {}, False),
        ((1,), [1], False),
        ({"a": 1}, {"a": 2}, False),
        (float("nan"), float("nan"), False),
    ],
)
def test_what_is_the_same(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is same(other, one) is equal


# --- any type, any value ------------------------------------------------------------------------------

SIMPLE: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (float, st.floats()),
    (str, st.text()),
    (bytes, st.binary()),
    (bool, st.booleans()),
    (datetime, st.datetimes(timezones=st.none() | st.timezones())),
    (date, st.dates()),
    (Decimal, st.decimals()),
    (Aliased, st.builds(lambda text: Aliased(userId=text), st.text())),
    (Place, st.builds(Place, st.integers(), st.text())),
    (Money, st.fixed_dictionaries({"amount": st.integers()}, optional={"currency": st.text()})),
    (Parent, st.builds(Parent) | st.builds(Child)),
    (Box[float], st.floats().map(lambda each: Box[float](inside=each))),
    (Colour, st.sampled_from(Colour)),
    (Literal["a", 1], st.sampled_from(["a", 1])),
    (Order, st.builds(Order, st.lists(st.floats(), max_size=2), st.none() | st.binary(max_size=2))),
]


def around(inner: tuple[Any, st.SearchStrategy[Any]]) -> st.SearchStrategy[tuple[Any, st.SearchStrategy[Any]]]:
    hint, each = inner
    lists, named = st.lists(each, max_size=3), st.dictionaries(st.text(), each, max_size=2)
    return st.sampled_from(
        [
            (list[hint], lists),
            (tuple[hint, ...], lists.map(tuple)),
            (Sequence[hint], lists | lists.map(tuple)),
            (Iterable[hint], lists),
            (dict[str, hint], named),
            (Mapping[str, hint], named),
            (hint | None, st.none() | each),
            (Annotated[hint, "a note"], each),
        ]
    )


TYPES = st.recursive(st.sampled_from(SIMPLE), lambda inner: inner.flatmap(around), max_leaves=4)


@given(st.data())
def test_any_value_of_any_type_comes_back_equal_or_is_refused_at_its_place(data: st.DataObject) -> None:
    hint, given_values = data.draw(TYPES)
    value = data.draw(given_values)
    plain = None
    try:
        plain = to_json(value, values.as_json(hint), "x")
    except CannotTravel as refused:
        assert str(refused).startswith("x is declared ") and ". Try: " in str(refused) and "\n" not in str(refused)
        return
    back = back_from_json(plain, values.as_json(hint))
    assert same(value, back)
