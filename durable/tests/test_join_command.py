"""The environment in which a command speaks to a port."""

from pathlib import Path

import pytest

from durable import join_command, joining


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


@pytest.mark.parametrize("kept", [True, False])
def test_where_another_machine_answers_only_who_typed_the_code_is_asked_to_type_it_again(
    kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def join(*_: object) -> joining.Joined:
        raise joining.AnotherAnswers("the certificate is not the one of this code", "enter the code again")

    monkeypatch.setattr(join_command, "join", join)
    (tmp_path / "kept").write_text('{"code": "c", "identity": "i"}')
    arguments = ["--kept", str(tmp_path / "kept")] if kept else []
    assert join_command.main([*arguments, "192.0.2.7:4243", "true"]) == 2
    said = "another one than was joined answers at 192.0.2.7:4243: its certificate is new"
    said += ". Try: join again, with the code that it shows now"
    typed = "the certificate is not the one of this code. Try: enter the code again"
    assert capsys.readouterr().err == f"error: {said if kept else typed}\n"
