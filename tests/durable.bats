#!/usr/bin/env bats
# The package durable on its own, as an engineer takes it along: a service in a folder elsewhere, on the kit's Prefect server.
# bats file_tags=ex6

load helpers

setup() {
  own_kit
  SERVICE="$BATS_TEST_TMPDIR/a service"
  mkdir -p "$SERVICE/records"
  cp -R scripts/pythonpath/durable "$SERVICE/"
  ok make ex1 # leaves a Prefect server
}
teardown() { stop_and_check; }

# COMMANDS -> typed in make shell, in the service's folder, with its own durable
typed() { in_make_shell "cd $(printf %q "$SERVICE") && export PYTHONPATH=." "$1"; }
# NAME COMMANDS -> the same in the background, as start does
start_typed() { start "$1" bash -c 'printf "cd %q && export PYTHONPATH=.\n%s\n" "$1" "$2" | make -s shell' _ "$SERVICE" "$2"; }

@test "two functions with one key, and a number that is text, are refused in one sentence" {
  cat >"$SERVICE/mail.py" <<'PY'
from durable import keyed
from prefect import task


@keyed("my-app")
@task
def send(to):
    return f"mail to {to}"
PY
  sed 's/mail to/sms to/' "$SERVICE/mail.py" >"$SERVICE/sms.py"
  typed 'python -c "import durable, mail, sms; durable.serve(mail.send, sms.send)"'
  compare "$status" -ne 0 'exit code'
  has 'ValueError: two functions have the key my-app.send-1'
  typed 'python -c "import durable, mail; durable.serve(mail.send, limit=\"4\")"'
  has "TypeError: limit='4' is text. Try: limit=int(…)"
}

@test "more records of the dead than this process may open files: it runs what is sent, and ends on SIGTERM" {
  cat >"$SERVICE/serve.py" <<'PY'
from durable import serve
from prefect import task


@task
def quick(n: int):
    print(f"ran {n}")


if __name__ == "__main__":
    serve(quick, records="records", name="crowded")
PY
  local n
  for n in $(seq 300); do
    printf '{"at": 1, "server": "old", "host": "h", "pid": %s, "keys": []}\n' "$n" >"$SERVICE/records/h-$n.jsonl"
    : >"$SERVICE/records/h-$n.lock"
  done
  touch -d '1 hour ago' "$SERVICE"/records/*
  start_typed crowded 'ulimit -n 200 && exec python serve.py'
  within 30 grep -q 'crowded serves quick' "$crowded_log"
  typed 'python -c "import serve; serve.quick.delay(1); serve.quick.delay(2)"'
  within 20 grep -q 'ran 1' "$crowded_log"
  within 20 grep -q 'ran 2' "$crowded_log"
  never grep -q 'Too many open files' "$crowded_log"
  kill -TERM -- "-$crowded_pid" # make and its shell are gone before the task server
  within 30 grep -q 'Stopped; nothing is in flight' "$crowded_log"
}

@test "three runs beyond their timeout in calls that nothing interrupts: each begins once and ends TimedOut" {
  cat >"$SERVICE/serve.py" <<'PY'
import sys
import time

from durable import serve
from prefect import task


@task(timeout_seconds=1)
def stuck(n: int):
    print(f"began {n}")
    time.sleep(100)


if __name__ == "__main__":
    serve(stuck, limit=4, grace=2, records="records", name="patient")
    sys.exit(f"ended by itself")
PY
  start_typed patient 'python serve.py; echo exit $?; python serve.py'
  within 30 grep -q 'patient serves stuck' "$patient_log"
  typed 'python -c "import serve; [serve.stuck.delay(n) for n in range(3)]"'
  within 40 grep -q '^exit 1' "$patient_log"
  within 20 eval '[ "$(count_in_state FAILED)" -eq 3 ]'
  within 20 eval '[ "$(grep -c "patient serves stuck" "$patient_log")" -eq 2 ]'
  is "$(grep -c '^began' "$patient_log")" 3 'lines with "began"'
  never grep -q 'went back to the queue' "$patient_log"
  kill -TERM -- "-$patient_pid"
  within 30 gone "$patient_pid"
}

@test "a wrong password, and an address that is no Prefect API: one line, which names the remedy, and exit 2" {
  cat >"$SERVICE/serve.py" <<'PY'
from durable import serve
from prefect import task


@task
def quick():
    return 42


if __name__ == "__main__":
    serve(quick)
PY
  ok make stop
  typed 'export PREFECT_SERVER_API_AUTH_STRING=admin:right
    prefect server start --background >/dev/null
    until curl -sf "$PREFECT_API_URL/health" >/dev/null; do sleep 0.3; done
    PREFECT_API_AUTH_STRING=admin:wrong python serve.py; echo "wrong: $?"
    PREFECT_API_URL=${PREFECT_API_URL%/api}/no python serve.py; echo "no API: $?"
    PREFECT_API_AUTH_STRING=admin:right python -c "import durable, serve; durable.serve(serve.quick, timeout=3)"; echo "right: $?"
    prefect server stop'
  has "error: http://127.0.0.1:$PREFECT_PORT/api refuses this task server (Invalid token). Try: its address in PREFECT_API_URL, its password in PREFECT_API_AUTH_STRING"
  has 'wrong: 2'
  has "error: http://127.0.0.1:$PREFECT_PORT/no refuses this task server (HTTP 403). Try: its address in PREFECT_API_URL"
  has 'no API: 2'
  has 'Stopped; nothing is in flight'
  has 'right: 0'
  has_not Traceback
}

@test "the rescuer says at once that it is refused, after ten seconds that nobody answers, and takes only numbers" {
  start refused bash -c 'PREFECT_PORT=$1 make -s shell <<<"PREFECT_API_URL=\$PREFECT_API_URL/x python -m durable rescue --records $2"' _ "$PREFECT_PORT" "$WORKSHOP_HOME/r"
  within 30 grep -q "rescuer: the Prefect API is away (.*404.*); looking on. Try: the right PREFECT_API_URL" "$refused_log"
  start alone bash -c 'make -s shell <<<"PREFECT_API_URL=http://127.0.0.1:9/api python -m durable rescue --records $1"' _ "$WORKSHOP_HOME/r2"
  within 40 grep -q "rescuer: the Prefect API is away (.*); looking on. Try: again, once the Prefect server" "$alone_log"
  kill -INT -- "-$refused_pid" "-$alone_pid"
  within 30 gone "$refused_pid"
  within 30 gone "$alone_pid"
  typed 'MAX_RESCUES=abc python -m durable rescue --records records --once'
  has "argument --max-rescues: invalid"
  typed 'python -m durable rescue --records records --every -1'
  has 'argument --every: -1 is not a number from 0.1 on'
  has_not Traceback
}
