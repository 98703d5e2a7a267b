"""What can be found: a mistake is an object with its number and its sentence from where it is raised to the room."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop_kit import findings
from workshop_kit.findings import Mistake, Promise
from workshop_kit.learners.files import Finding
from workshop_kit.settings import KIT

CODE = KIT / "scripts" / "pythonpath" / "workshop_kit"
LEARNERS = sorted((CODE / "learners").glob("*.py"))
CHECKING = [CODE / "commands" / "check.py", CODE / "commands" / "promises.py", *KIT.glob("examples/*/promises.py")]
SOURCES = {path: ast.parse(path.read_text()) for path in [*LEARNERS, *CHECKING]}


def raised(kind: type[Mistake] | type[Promise]) -> Iterator[tuple[str, ast.Call]]:
    """Every Mistake.NAME(…) or Promise.NAME(…) in the code."""
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            of = node.func.value if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
            if isinstance(of, ast.Name) and of.id == kind.__name__:
                yield f"{path.name}:{node.lineno}", node


def test_a_sentence_knows_its_number() -> None:
    said = Mistake.NOT_DEFINED("greet")
    assert said == "greet is not defined" and said.number == 227
    assert Mistake.NO_APP() == "has no app, which the example starts"


def test_what_is_filled_in_stays_here() -> None:
    assert findings.sentence(227) == "… is not defined"
    assert findings.sentence(257) == "task_run_name has {…}, and … has no parameter of that name"
    assert findings.sentence(204) == "hides Python's own module …"
    assert findings.sentence(237) == "aserve(…) without await does nothing"


def test_a_number_is_of_one_thing_and_stays_in_its_hundred() -> None:
    for kind, first in ((Promise, 100), (Mistake, 200)):
        numbers = [each.number for each in kind]
        assert sorted(numbers) == list(range(first, first + len(numbers))) and len(numbers) < 100
        assert max(numbers) <= findings.LARGEST


@pytest.mark.parametrize("kind", [Mistake, Promise])
def test_each_is_raised_somewhere_with_all_its_words(kind: type[Mistake] | type[Promise]) -> None:
    names = set()
    for where, call in raised(kind):
        name = call.func.attr
        names.add(name)
        assert len(call.args) == kind[name].sentence.count("{}"), where
    # For the rooms of other versions, and for what an example promises in words of its own.
    assert {each.name for each in kind} - names == {"OTHER"}


@pytest.mark.parametrize(("made_by", "paths"), [("Finding", LEARNERS), ("promise", CHECKING)])
def test_nothing_is_found_in_a_bare_sentence(made_by: str, paths: list[Path]) -> None:
    for path in paths:
        for call in ast.walk(SOURCES[path]):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == made_by and len(call.args) == 3:
                assert not isinstance(call.args[1], ast.Constant | ast.JoinedStr), f"{path.name}:{call.lineno}"


def test_a_finding_comes_back_from_another_process() -> None:
    finding = Finding("task_server.py:3", Mistake.NO_MODULE("prefekt"), "`import prefect`", stops=True)
    back = Finding.from_json(json.loads(json.dumps(finding.as_json())))
    assert back == finding and back.what.number == 206
    assert str(back) == "task_server.py:3: there is no module prefekt. Try: `import prefect`"


@pytest.mark.parametrize("nonsense", [{}, {"what": "text"}, {"what": [1, "text"]}, {"what": [206, "x"], "else": 1}])
def test_nonsense_from_another_process(nonsense: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Finding.from_json(nonsense)


def test_what_is_right_when_the_code_was_judged() -> None:
    right = findings.mistakes_except([Mistake.NO_APP(), Mistake.NOT_DEFINED("greet")])
    assert {mistake.number for mistake in Mistake} - right == {225, 227}


def test_a_promise_that_is_broken_has_a_sentence() -> None:
    assert all(promise.broken for promise in Promise if promise is not Promise.OTHER)
    assert findings.sentence(102) == "a run failed"
    assert findings.sentence(100) == "another promise of make check does not hold"
    said = Promise.SUBSCRIBED("greet", "1 of 2")
    assert said == "task servers subscribed to greet: 1 of 2" and said.number == 105


def test_doctors_sentences_are_looked_up_in_its_own_list() -> None:
    assert findings.sentence(1) == "no Python 3.11 to 3.14 on the PATH"
    assert findings.sentence(998) == ""
