"""What each container runs first, without a container: secrets become variables, or nothing starts."""

import os
import subprocess
from pathlib import Path

import pytest

ENTRYPOINT = Path(__file__).parent.parent / "entrypoint.sh"
SAY = ("sh", "-c", "echo started $TOKEN $WEB_CONCURRENCY")


def enter(folder: Path, *command: str, user: int | None = None) -> tuple[int, str, str]:
    """Exit code, output and errors of the command, behind the entry point."""
    text, environment = ENTRYPOINT.read_text(), {"PATH": os.environ["PATH"], "WEB_CONCURRENCY": "3"}
    done = subprocess.run(
        ["sh", "-c", text, "entrypoint.sh", str(folder), *command],  # as text: another user may not read this folder
        env=environment, user=user, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.strip(), done.stderr.strip()


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "TOKEN").write_text("a b\n")
    return tmp_path


def test_a_file_is_a_variable_and_other_names_are_somebody_elses(secrets: Path) -> None:
    (secrets / "kubernetes.io").mkdir()
    (secrets / "rhsm").mkdir()
    for name in ("redhat.repo", "my-secret", "2nd"):
        (secrets / name).touch()
    assert enter(secrets, *SAY) == (0, "started a b", "")


def test_without_secrets_it_starts_but_no_prefect_server_without_a_password(tmp_path: Path) -> None:
    assert enter(tmp_path, *SAY) == (0, "started", "")
    code, _, error = enter(tmp_path, "prefect", "server", "start")
    assert code == 2 and error.count("\n") == 0 and "PREFECT_SERVER_API_AUTH_STRING" in error


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_secret_is_no_start(secrets: Path, content: str) -> None:
    (secrets / "TOKEN").write_text(content)
    assert enter(secrets, *SAY) == (2, "", "error: the secret TOKEN is empty. Try: make secrets")


def test_a_secret_that_may_not_be_read_is_no_start(secrets: Path) -> None:
    (secrets / "TOKEN").chmod(0)
    root = os.geteuid() == 0  # who may read everything
    if root:
        for folder in (secrets, *secrets.parents[:-2]):
            folder.chmod(0o755)
    code, output, error = enter(secrets, *SAY, user=65534 if root else None)
    assert (code, output) == (2, "") and error.count("\n") == 0 and "the secret TOKEN cannot be read by uid" in error


def test_a_link_to_nowhere_is_no_start(secrets: Path) -> None:
    (secrets / "GONE").symlink_to("/nowhere")
    assert enter(secrets, *SAY)[:2] == (2, "")
