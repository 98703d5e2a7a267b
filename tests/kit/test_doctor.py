"""make doctor: the code of what it found, the file of codes, the list of findings, and what it looks at."""

import fcntl
import os
import runpy
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workshop_kit import examples, findings, in_room, ports, processes, state_files
from workshop_kit.doctor import __main__ as doctor
from workshop_kit.doctor import codes, person, place, programs
from workshop_kit.doctor.report import Report
from workshop_kit.machine import Kind, Machine
from workshop_kit.settings import KIT, settings

some_findings = st.sets(st.sampled_from(Machine))


# --- the list -----------------------------------------------------------------------------------


def test_the_numbers_are_bits_and_stay() -> None:
    assert [finding.number for finding in Machine] == list(range(1, len(Machine) + 1))
    assert len(Machine) <= 30  # six characters of five bits
    # Those that rooms and codes know since long.
    stay = {
        1: "NO_PYTHON",
        7: "NO_SETUP",
        9: "PORT",
        14: "NO_LOCKS",
        21: "NO_IMAGE",
        25: "WINDOWS_DISK",
        26: "LEFT_OUT",
    }
    assert {number: Machine[name].number for number, name in stay.items()} == {number: number for number in stay}


@pytest.mark.parametrize("finding", Machine)
def test_a_remedy_begins_with_an_imperative(finding: Machine) -> None:
    allowed = runpy.run_path(str(KIT / "tests" / "lint" / "remedies.py"))["FIRST"]
    assert finding.remedy.split()[0].rstrip(":") in allowed
    assert finding.sentence and finding.shown == findings.sentence(finding.number)


def test_the_words_go_into_the_sentence_and_then_into_the_remedy() -> None:
    said = Machine.PORT.lines(4200, "PREFECT_PORT", ports.Holder(7, "python3"), "PREFECT_PORT", 4300)
    assert said == (
        "✗ port 4200 (PREFECT_PORT) is in use by python3 (pid 7)\n"
        "    stop that, or another port: make ex2 PREFECT_PORT=4300"
    )
    assert Machine.NO_MODEL.lines("/a/file").endswith("\n    make setup-local-llm, or a key in /a/file")
    assert (Machine.PORT.shown, Machine.NO_MODEL.remedy_shown) == (
        "port … (…) is in use by …",
        "make setup-local-llm, or a key in …",
    )


def test_the_script_says_the_one_that_needs_no_python_in_the_same_words() -> None:
    door = (KIT / "scripts" / "doctor.sh").read_text()
    assert Machine.NO_PYTHON.lines() in door
    assert f"code: {codes.code_of([Machine.NO_PYTHON])} (" in door


# --- the code -------------------------------------------------------------------------------------


@given(some_findings)
def test_a_code_says_what_was_found(found: set[Machine]) -> None:
    code = codes.code_of(found)
    assert len(code) == 9 and code[4] == "-"
    for typed in (code, code.lower(), code.replace("-", ""), code.replace("0", "O").replace("1", "l")):
        bits = codes.bits_of(typed)
        assert bits is not None and {each for each in Machine if bits >> each.number - 1 & 1} == found


@given(some_findings, st.integers(0, 7), st.sampled_from(codes.DIGITS))
def test_one_wrong_character_is_found(found: set[Machine], at: int, digit: str) -> None:
    right = codes.code_of(found).replace("-", "")
    wrong = right[:at] + digit + right[at + 1 :]
    assert wrong == right or codes.bits_of(wrong) is None


@given(some_findings, st.integers(0, 7), st.integers(0, 7))
def test_two_exchanged_characters_are_found(found: set[Machine], one: int, other: int) -> None:
    right = codes.code_of(found).replace("-", "")
    text = list(right)
    text[one], text[other] = text[other], text[one]
    assert (wrong := "".join(text)) == right or codes.bits_of(wrong) is None


@given(st.text())
def test_no_other_text_is_a_code(text: str) -> None:
    bits = codes.bits_of(text)
    assert bits is None or 0 <= bits < 2**30


def test_the_codes_of_earlier_kits() -> None:
    """Made by the doctor that was a shell script."""
    assert codes.code_of([]) == "0000-0000"
    assert codes.code_of([Machine.NO_PYTHON]) == "0000-0101"
    assert codes.code_of([Machine.NO_ENGINE, Machine.LEFT_OUT]) == "1080-0013"


# --- a file of codes ------------------------------------------------------------------------------


@pytest.fixture
def read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, str, str]]:
    """Text of such a file -> the exit code, what was printed, and what on stderr."""

    def reading(text: str) -> tuple[int, str, str]:
        (tmp_path / "codes").write_text(text)
        result = codes.read(tmp_path / "codes")
        return result, *capsys.readouterr()

    return reading


READY = codes.code_of([Machine.NO_SETUP, Machine.NO_DOCKER])
ILL = codes.code_of([Machine.NO_MAKE, Machine.NO_DOCKER, Machine.DISK])


def test_who_is_not_ready_why_and_the_remedy(read: Callable[[str], tuple[int, str, str]]) -> None:
    result, out, err = read(f"Arthur {READY}\n\n\t \nFord, row 3:\t{ILL.lower()} \r\nZaphod\u00a0{READY}\n{READY}")
    docker = examples.listed("DOCKER")
    assert (result, err) == (1, "")
    assert out == (
        "✗ Ford, row 3 is not ready\n"
        "    ✗ no make on the PATH\n"
        "        sudo apt install make; on macOS: xcode-select --install\n"
        "    ✗ only … MB of disk are free at …\n"
        "        free some: the kit needs 2 GB; or make ex2 WORKSHOP_HOME=/a/larger/disk\n"
        f"! 4 of 4: no Docker (only DOCKER=1 of {docker} needs it)\n"
        "    install it (docs.docker.com/get-docker), or run them without DOCKER=1\n"
        "! 3 of 4: not set up yet\n"
        "    make setup (any command that needs it does it)\n"
        "3 of 4 are ready\n"
    )


def test_all_are_ready(read: Callable[[str], tuple[int, str, str]]) -> None:
    assert read(f"Arthur {codes.code_of([])}\n") == (0, "1 of 1 are ready\n", "")


def test_a_mistyped_code(read: Callable[[str], tuple[int, str, str]]) -> None:
    result, out, err = read(f"Arthur {READY}\nFord 0000-0102\nnothing\n\x1b[31mred {READY[:-1]}\n")
    assert result == 2 and out.endswith("1 of 1 are ready\n")
    assert err.splitlines() == [
        f"error: '{line}' does not end with a code of make doctor. Try: ask for it again"
        for line in ("Ford 0000-0102", "nothing", f"[31mred {READY[:-1]}")
    ]


def test_a_finding_of_a_later_kit(read: Callable[[str], tuple[int, str, str]]) -> None:
    result, out, _ = read(f"Ford {codes._code(1 << len(Machine))}")
    assert result == 1 and "    ✗ something that this kit does not know\n        use the same version" in out


@pytest.mark.parametrize("path", ["/nowhere", "."])
def test_no_file_of_codes(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        codes.read(Path(path))
    assert ended.value.code == 2 and ". Try: make doctor CODES=FILE, with a line `name code`" in capsys.readouterr().err


# --- what it looks at -----------------------------------------------------------------------------


@pytest.fixture
def report() -> Report:
    return Report()


@pytest.fixture
def trimmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """The PATH has cksum alone; NAME, SCRIPT -> a command on it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "cksum").symlink_to(shutil.which("cksum"))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("PYTHON", raising=False)

    def command(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return command


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 3.10", [Machine.NO_PYTHON]),
        ("echo 3.15", [Machine.NO_PYTHON]),
        ("exit 127", [Machine.NO_PYTHON]),
        ('case "$*" in *ensurepip*) exit 1 ;; *) echo 3.12 ;; esac', [Machine.NO_VENV]),
        ("echo 3.12", []),
    ],
)
def test_a_python(trimmed: Callable[[str, str], None], report: Report, script: str, said: list[Machine]) -> None:
    trimmed("python3", script)
    assert programs.check_python(report) == ("" if said else "python3") and report.found == said
    assert report.right == ([] if said else [Machine.NO_PYTHON, Machine.NO_VENV])


def test_the_python_that_a_person_names(
    trimmed: Callable[[str, str], None], report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed("my-python", "echo 3.13")
    monkeypatch.setenv("PYTHON", "my-python")
    assert programs.check_python(report) == "my-python"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo GNU Make 3.80", [Machine.OLD_MAKE]),
        ("echo usage >&2; exit 2", [Machine.OLD_MAKE]),
        ("echo GNU Make 3.81", []),
        ("echo GNU Make 4.4.1; echo Built for aarch64", []),
    ],
)
def test_make(trimmed: Callable[[str, str], None], report: Report, script: str, said: list[Machine]) -> None:
    programs.check_make_and_bash(report)
    assert report.found == [Machine.NO_MAKE]
    trimmed("make", script)
    programs.check_make_and_bash(report)
    assert report.found[1:] == said


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 1", [Machine.NO_ENGINE]),
        ("case $1 in compose) exit 1 ;; esac", [Machine.OLD_COMPOSE]),
        ("case $1 in compose) echo 1.29.2 ;; esac", [Machine.OLD_COMPOSE]),
        ("case $1 in compose) echo v2.30.1 ;; image) exit 1 ;; esac", [Machine.NO_IMAGE]),
        ("case $1 in compose) echo 10.0 ;; version) echo 28.0.0 ;; esac", []),
    ],
)
def test_docker(trimmed: Callable[[str, str], None], report: Report, script: str, said: list[Machine]) -> None:
    programs.check_docker(report)
    assert report.found == [Machine.NO_DOCKER]
    trimmed("docker", script)
    programs.check_docker(report)
    assert report.found[1:] == said and (Machine.NO_DOCKER in report.right) == (not said)


def test_a_command_that_says_nothing_in_time(trimmed: Callable[[str, str], None]) -> None:
    trimmed("silent", "while :; do :; done")
    assert programs.said("silent", seconds=0.2) is None


def test_a_checksum_is_that_of_the_scripts() -> None:
    assert programs.checksum(b"abc") == "1219131554 3"
    assert programs.checksum(b"a\r\nb") != programs.checksum(b"a\nb")


def test_a_port_of_another_program_and_one_of_ours(
    report: Report, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web, socket.create_server(("127.0.0.1", 0)) as inbox:
        taken, later = web.getsockname()[1], inbox.getsockname()[1]
        monkeypatch.setattr(ports, "opened", lambda: {"PREFECT_PORT": 9, "WEB_PORT": taken, "INBOX_PORT": later})
        place.check_ports(report)
        me = f"{processes.name(os.getpid())} (pid {os.getpid()})"
        said = capsys.readouterr().out
        assert f"✗ port {taken} (WEB_PORT) is in use by {me}\n" in said
        assert f"! port {later} (INBOX_PORT, example 4) is in use by {me}\n" in said
        assert said.endswith("✓ ports that are free: 9\n")
        assert (report.found, report.right) == ([Machine.PORT, Machine.LATER_PORT], [])

        state_files.settings().run.mkdir()
        state_files.write_pids("web.1", [])  # this process keeps it, so the port is the kit's
        ours = Report()
        place.check_ports(ours)
        assert (ours.found, ours.right) == ([], [Machine.PORT, Machine.LATER_PORT])
        assert capsys.readouterr().out.startswith(f"✓ ports that the kit itself uses now: {taken} {later}\n")
        place.check_processes(ours)
        assert ours.found == [Machine.STALE]  # no example runs


def test_neither_proc_nor_ps(
    trimmed: Callable[[str, str], None], report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PROC", Path("/no"))
    place.check_processes(report)
    assert report.found == [Machine.NO_PS]


def test_the_set_up(report: Report, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENV", str(home / ".venv"))
    settings.cache_clear()
    place.check_setup(report)
    place.check_packages(report)
    assert report.found == [Machine.NO_SETUP]
    for folder in ("bin", "workshop"):
        (home / ".venv" / folder).mkdir(parents=True)
    (home / ".venv" / "bin" / "python").symlink_to(shutil.which("true"))
    core = home / ".venv" / "workshop" / "core"
    core.write_text("1 2 /elsewhere")
    place.check_setup(report)
    assert report.found[1:] == [Machine.OLD_SETUP]
    lock = (KIT / "requirements" / "core.txt").read_bytes()
    core.write_text(f"{programs.checksum(lock)} {KIT}\n")
    place.check_setup(report)
    assert report.right == [Machine.OLD_SETUP, Machine.NO_SETUP]
    place.check_packages(report)
    groups = [each.number for each in examples.EXAMPLES.values() if each.packages != "core"]
    assert report.found[2:] == [Machine.NO_PACKAGES] * len(groups)


def test_the_disk(report: Report, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSHOP_HOME", str(home / "not" / "yet"))
    settings.cache_clear()
    assert place.folder_of_home() == home
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, 2047 * 2**20))
    place.check_disk(report)
    assert (report.found, report.right) == ([Machine.DISK], [Machine.READ_ONLY])


def test_locks(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    place.check_locks(report, "python3")
    assert (report.found, report.right) == ([], [Machine.NO_LOCKS])
    place.check_locks(report, "true")  # the second process gets the lock, too
    assert report.found == [Machine.NO_LOCKS]

    def refuse(*_: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    place.check_locks(report, "python3")
    assert report.found == [Machine.NO_LOCKS] * 2


def test_a_windows_drive(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release="6.1.0-18-amd64"))
    place.check_wsl(report)
    assert (report.found, report.right) == ([], [])
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release="5.15.90.1-Microsoft-standard-WSL2"))
    place.check_wsl(report)
    assert (report.found, report.right) == ([], [Machine.WINDOWS_DISK])
    monkeypatch.setattr(place, "KIT", Path("/mnt/c/kit"))
    place.check_wsl(report)
    assert report.found == [Machine.WINDOWS_DISK]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("OPENAI_API_KEY=x", True),
        ("\ufeffexport OPENAI_BASE_URL=http://here", True),
        ("# mine\r\nOPENAI_API_KEY=x\r\n", True),
        ("OPENAI_API_KEY=", False),
        ("#OPENAI_API_KEY=x", False),
        ("MARVIN_AGENT_MODEL=x", False),
    ],
)
def test_a_file_that_names_a_model(tmp_path: Path, text: str, names: bool) -> None:
    file = tmp_path / "settings"
    assert not person.names_a_model(file)
    file.write_text(text)
    assert person.names_a_model(file) == names


def test_a_key_that_others_can_read(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key"
    file.write_text("OPENAI_API_KEY=secret")
    monkeypatch.setenv("OPENAI_ENV_FILE", str(file))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for mode, said in ((0o600, []), (0o640, [Machine.OPEN_SECRET]), (0o604, [Machine.OPEN_SECRET] * 2)):
        file.chmod(mode)
        person.check_model(report)
        assert [each for each in report.found if each is Machine.OPEN_SECRET] == said
    assert Machine.NO_MODEL in report.right and "secret" not in capsys.readouterr().out


def test_the_variables_of_a_shell(report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person.check_settings(report, {"HOME": str(tmp_path)})
    assert (report.found, report.right) == ([], [Machine.NO_CERTIFICATES, Machine.LEFT_OUT])
    (tmp_path / ".prefect").mkdir()
    (tmp_path / ".prefect" / "profiles.toml").touch()
    environment = {
        "HOME": str(tmp_path),
        "WORKSHOP_THEIRS_B": "",
        "WORKSHOP_THEIRS_A": "1",
        "WORKSHOP_NO_CERTIFICATES": "SSL_CERT_FILE=/a=b",
        "WORKSHOP_LEFT_OUT": " WEB_CONCURRENCY PYTHONHOME",
        "WORKSHOP_IGNORED": " PREFECT_API_KEY",
    }
    capsys.readouterr()
    person.check_settings(report, environment)
    assert report.found == [Machine.NO_CERTIFICATES, Machine.LEFT_OUT, Machine.IGNORED, Machine.PROFILES]
    said = capsys.readouterr().out
    assert said.startswith("✓ variables of your shell that only your code and make shell get: A B\n")
    assert "! SSL_CERT_FILE names certificates that are not there: /a=b\n" in said
    assert "own tools: WEB_CONCURRENCY PYTHONHOME\n    type PASS_ENV='WEB_CONCURRENCY PYTHONHOME' to pass" in said
    assert "! ignored from your shell or .env: PREFECT_API_KEY\n" in said


@pytest.mark.parametrize(
    ("found", "last", "told"),
    [
        ([], "0000-0000", 0),
        ([Machine.NO_DOCKER, Machine.NO_SETUP], codes.code_of([Machine.NO_DOCKER, Machine.NO_SETUP]), 7),
        ([Machine.NO_SETUP, Machine.STALE, Machine.DISK, Machine.STALE], None, 11),
    ],
)
def test_the_last_lines_the_exit_code_and_what_a_room_is_told(
    found: list[Machine],
    last: str | None,
    told: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rooms: list[list[int]] = []

    def look(report: Report) -> None:
        report.found += found
        report.right.append(Machine.NO_MAKE)

    monkeypatch.setattr(doctor, "look", look)
    monkeypatch.setattr(in_room, "report_check", lambda broken, right: rooms.append([*broken[:1], *right]))
    monkeypatch.delenv("CODES", raising=False)
    broken = [each for each in found if each.kind is Kind.BROKEN]
    assert doctor.main() == bool(broken)
    summary, code = capsys.readouterr().out.splitlines()
    assert summary == (f"{len(broken)} finding(s) must be fixed" if broken else "this machine is ready")
    assert code == f"code: {last or codes.code_of(found)} (for the instructor: what was found, and nothing else)"
    assert rooms == [[*([told] if told else []), Machine.NO_MAKE.number]]
