"""The environment in which a command speaks to a port."""

import pytest

from durable import join_command


@pytest.mark.parametrize(
    ("upper", "lower", "both"),
    [
        ("", "", "10.77.0.1"),
        ("intranet.example, .corp", "", "intranet.example,.corp,10.77.0.1"),
        ("", "10.0.0.0/8", "10.0.0.0/8,10.77.0.1"),
        ("a,b", "b,c", "a,b,c,10.77.0.1"),
        ("10.77.0.1", "10.77.0.1", "10.77.0.1"),
    ],
)
def test_the_port_is_asked_without_a_proxy_and_what_the_person_excepts_stays(
    upper: str, lower: str, both: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", upper)
    monkeypatch.setenv("no_proxy", lower)
    assert join_command.around_proxies("10.77.0.1") == both
