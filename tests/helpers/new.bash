# shellcheck shell=bash
# What the tests of make new share: a project in a folder with a space, and its commands without the kit's environment.

# -> PROJECT, new, in a folder with a space. The second of a file has the packages that the first one has installed.
# IN_PROJECT: a command that runs its arguments there, with no variable but these. (OF_TEST tells whose processes they are;
# sbin: for useradd, by which root starts a PostgreSQL.)
new_project() { # [ROOT NAME]
  local name root=${1:-$BATS_TEST_TMPDIR}
  PROJECT="$root/a folder/${2:-shop}" IN_PROJECT=$root/in_project
  mkdir -p "$root/a folder"
  ok make new DIR="$PROJECT"
  if [ -d "$BATS_FILE_TMPDIR/venv" ]; then
    mv "$BATS_FILE_TMPDIR/venv" "$PROJECT/.venv"
    touch "$PROJECT/.venv/ready"
  fi
  {
    printf '#!/bin/sh\ncd %q || exit\nexec env -i ' "$PROJECT"
    printf '%q ' PATH="$("$PYTHON_OF_TESTS" -c 'import os, sys; print(os.path.dirname(sys._base_executable))'):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
      HOME="$HOME" OF_TEST="$PROJECT" APP_PORT="$WEB_PORT" APP_PREFECT_PORT="$PREFECT_PORT" APP_METRICS_PORT="$((WEB_PORT + 1))"
    for name in COMPOSE_PROJECT_NAME PYTHON_IMAGE POSTGRES_IMAGE; do [ -z "${!name:-}" ] || printf '%q ' "$name=${!name}"; done
    echo '"$@"'
  } >"$IN_PROJECT"
  chmod +x "$IN_PROJECT"
}

# MODULE -> the pids of the project's processes that run it
pids_of() {
  # shellcheck disable=SC2009 # pgrep cannot look at the environment
  ps axeww -o pid=,command= | grep -F "OF_TEST=$PROJECT" | grep -F -- "-m $1" | grep -v grep | awk '{ print $1 }'
}

# WHO -> the answer's code, and the answer in $BATS_TEST_TMPDIR/answer
sign_up() {
  curl -s --max-time 30 -o "$BATS_TEST_TMPDIR/answer" -w '%{http_code}' -H 'Content-Type: application/json' -d "{\"email\": \"$1@example.com\", \"name\": \"$1\"}" "$WEB/users"
}
# -> the runs of the last sign-up
runs() { json '" ".join(d["runs"].values())' <"$BATS_TEST_TMPDIR/answer"; }
# STATE -> whether all of them are in it
states_are() {
  local run
  for run in $(runs); do curl -sf "$WEB/runs/$run" | grep -qF "\"state\":\"$1\"" || return; done
}

# RUNS -> they ended, and their files were written, 40 days ago: in the database of make dev
make_old() {
  "$PYTHON_OF_TESTS" - "$PROJECT/data" "$1" <<'PYTHON'
import os, sqlite3, sys, time
from pathlib import Path

data, runs, old = Path(sys.argv[1]), sys.argv[2].split(), time.time() - 40 * 24 * 3600
with sqlite3.connect(data / "prefect" / "prefect.db", timeout=10) as database:
    for run in runs:
        states = database.execute("select state_details, data from task_run_state where task_run_id = ?", (run,)).fetchall()
        text = " ".join(str(part) for state in states for part in state)
        files = [path for path in (data / "runs").rglob("*") if path.is_file() and path.name in text]
        assert len(files) == 2, (run, files)
        for path in files:
            os.utime(path, (old, old))
        changed = database.execute("update task_run set end_time = datetime(end_time, '-40 days') where id = ?", (run,))
        assert changed.rowcount == 1
PYTHON
}

# For teardown: nothing of the project runs on.
end_project() {
  local pid
  [ -n "${PROJECT:-}" ] || return 0
  for pid in $(pids_of shop.dev) $(pids_of pytest); do kill -TERM "$pid"; done
  within 40 eval '[ -z "$(pids_of "")" ]' || {
    for pid in $(pids_of ''); do
      ps -fp "$pid"
      kill -KILL "$pid"
    done
    return 1
  }
  [ ! -f "$PROJECT/.venv/ready" ] || mv "$PROJECT/.venv" "$BATS_FILE_TMPDIR/venv"
}
