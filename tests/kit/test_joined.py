"""What is said where the machine that was joined does not answer."""

import pytest

from durable import joining
from workshop_kit import joined, theirs


def test_a_proxy_of_the_person_is_named_where_nobody_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(theirs.ASIDE + "HTTPS_PROXY", "http://127.0.0.1:9")
    assert joined.fail(joining.NoAnswer("10.77.0.1:4243 does not answer", "check the address")) == 2
    what = "it is asked directly, and never through the HTTPS_PROXY of your shell"
    assert capsys.readouterr().err == f"error: 10.77.0.1:4243 does not answer ({what}). Try: check the address\n"
    joined.fail(joining.NotJoined("the code is missing", "export JOIN_CODE=…"))
    assert "HTTPS_PROXY" not in capsys.readouterr().err


def test_the_persons_variables_come_back_but_for_what_the_kit_has_set() -> None:
    environment = {theirs.ASIDE + "TOKEN": "a b", theirs.ASIDE + "LIMIT": "9", "LIMIT": "1"}
    theirs.give_back(environment)
    assert environment == {"TOKEN": "a b", "LIMIT": "1"}
