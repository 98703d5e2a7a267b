#!/usr/bin/env bats
# The package durable on its own, as an engineer takes it along: a service in a folder elsewhere, on the kit's Prefect server.
# It is the installed wheel; DURABLE_FROM=durable/src: the folder, as it stands there.
# bats file_tags=ex6,long

load ../helpers/base

setup_file() {
  own_kit "$BATS_FILE_TMPDIR"
  if [ -n "${DURABLE_FROM:-}" ]; then return 0; fi
  ok make wheel OUT="$BATS_FILE_TMPDIR"
  "$PYTHON_OF_TESTS" -m venv "$BATS_FILE_TMPDIR/tools"
  export DURABLE_FROM=$BATS_FILE_TMPDIR/installed
  ok "$BATS_FILE_TMPDIR/tools/bin/pip" install --quiet --no-index --no-deps --target "$DURABLE_FROM" "$BATS_FILE_TMPDIR"/*.whl
}
setup() {
  own_kit
  SERVICE="$BATS_TEST_TMPDIR/a service"
  mkdir -p "$SERVICE/records"
  cp -R "$DURABLE_FROM"/durable* "$SERVICE/"
  ok make ex1 # leaves a Prefect server
}
teardown() { stop_and_check; }

# COMMANDS -> typed in make shell, in the service's folder, with its own durable
typed() { in_make_shell "cd $(printf %q "$SERVICE") && export PYTHONPATH=." "$1"; }
# NAME COMMANDS -> the same in the background, as start does
start_typed() { start "$1" bash -c 'printf "cd %q && export PYTHONPATH=.\n%s\n" "$1" "$2" | make -s shell' _ "$SERVICE" "$2"; }

@test "two functions with one key, a number that is text, and what is no task are refused in one sentence" {
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
  has "TypeError: limit='4' is text. Try: write limit=int(…)"
  typed 'python -c "import durable, mail; durable.serve(mail.send.fn)"'
  has "TypeError: 'send' is not a task. Try: put @task above it"
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
  never grep -q 'Task run .* was requeued' "$patient_log"
  kill -TERM -- "-$patient_pid"
  within 30 gone "$patient_pid"
}

# bats test_tags=slow
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
  has "error: http://127.0.0.1:$PREFECT_PORT/api refuses this task server (Invalid token). Try: check PREFECT_API_URL, and the password in PREFECT_API_AUTH_STRING"
  has 'wrong: 2'
  has "error: http://127.0.0.1:$PREFECT_PORT/no refuses this task server (HTTP 403). Try: check PREFECT_API_URL"
  has 'no API: 2'
  has 'Stopped; nothing is in flight'
  has 'right: 0'
  has_not Traceback
}

@test "the rescuer says at once that it is refused, after ten seconds that nobody answers, and takes only numbers" {
  start refused bash -c 'PREFECT_PORT=$1 make -s shell <<<"PREFECT_API_URL=\$PREFECT_API_URL/x python -m durable rescue --records $2"' _ "$PREFECT_PORT" "$WORKSHOP_HOME/r"
  within 30 grep -q "rescuer: the Prefect API is unreachable (.*404.*); still trying. Try: set the right PREFECT_API_URL" "$refused_log"
  start alone bash -c 'make -s shell <<<"PREFECT_API_URL=http://127.0.0.1:9/api python -m durable rescue --records $1"' _ "$WORKSHOP_HOME/r2"
  within 40 grep -q "rescuer: the Prefect API is unreachable (.*); still trying. Try: wait until the Prefect server" "$alone_log"
  kill -INT -- "-$refused_pid" "-$alone_pid"
  within 30 gone "$refused_pid"
  within 30 gone "$alone_pid"
  typed 'MAX_RESCUES=abc python -m durable rescue --records records --once'
  has "argument --max-rescues: invalid"
  typed 'python -m durable rescue --records records --every -1'
  has 'argument --every: -1 is not a number from 0.1 on'
  has_not Traceback
}

@test "a task that forks: children end on terminate(), pools return, and the task server goes on and stops politely" {
  cat >"$SERVICE/serve.py" <<'PY'
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from durable import serve
from prefect import task


@task
def terminated(method):
    child = multiprocessing.get_context(method).Process(target=time.sleep, args=(60,))
    child.start()
    child.terminate()
    child.join(20)
    return child.exitcode


@task
def pooled(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(abs, [-1, -2])


@task
def executed():
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        return list(pool.map(abs, [-1, -2]))


@task
def forked():
    pid = os.fork()
    if not pid:
        time.sleep(60)
        os._exit(0)
    os.kill(pid, signal.SIGTERM)
    return os.waitpid(pid, 0)[1]


@task
async def forked_in_loop():
    return forked.fn()


@task
def other_program():
    child = subprocess.Popen(["sleep", "60"])
    child.terminate()
    return child.wait(20)


TASKS = [terminated, pooled, executed, forked, forked_in_loop, other_program]
if __name__ == "__main__":
    if sys.argv[1:]:
        methods = ("fork", "spawn", "forkserver")
        runs = [terminated.delay(m) for m in methods] + [pooled.delay(m) for m in methods[1:]]
        runs += [pooled.delay("fork") for _ in range(12)]
        runs += [t.delay() for t in (executed, forked, forked_in_loop, other_program)]
        for run in runs:
            run.wait(timeout=60)
            print("result", run.state.name, run.state.is_completed() and run.state.result())
    else:
        serve(*TASKS, records="records", name="forking")
PY
  start_typed forking 'exec python serve.py'
  within 30 grep -q 'forking serves' "$forking_log"
  typed 'python serve.py submit'
  is "$(grep -c '^result Completed -15$' <<<"$output")" 4 'children that SIGTERM ended'
  is "$(grep -c '^result Completed 15$' <<<"$output")" 2 'children of os.fork that SIGTERM ended'
  is "$(grep -c '^result Completed \[1, 2\]$' <<<"$output")" 15 'pools that returned'
  never grep -q 'Stopp' "$forking_log"
  kill -TERM -- "-$forking_pid"
  within 30 grep -q 'Stopped; nothing is in flight' "$forking_log"
}

@test "serve in an asynchronous program, a task's own methods, prefect task serve, execute_task_run: as Prefect's" {
  cat >"$SERVICE/f.py" <<'PY'
import asyncio
import os
import sys
import time

import durable
from prefect import task
from prefect.task_worker import aserve, serve


@task
def greet(name: str):
    return f"Hello, {name}"


async def main(how):
    if how == "execute":
        run = greet.delay("execute")
        async with durable.DrainingTaskWorker(greet, limit=2, name="w", records="records") as worker:
            from prefect.client.orchestration import get_client

            async with get_client() as client:
                await worker.execute_task_run(await client.read_task_run(run.task_run_id))
        run.wait(timeout=10)
        return print(how, run.state.name)
    serving = asyncio.create_task(
        {
            "serve": lambda: serve(greet),
            "serve.aio": lambda: serve.aio(greet),
            "durable": lambda: durable.serve(greet),
            "task.serve": greet.serve,
            "task.aserve": greet.aserve,
        }[how]()
    )
    run = greet.delay(how)
    await asyncio.to_thread(run.wait, 20)
    others = asyncio.all_tasks() - {serving, asyncio.current_task()}
    serving.cancel()
    serving.cancel()
    await asyncio.wait({serving})
    left = {t for t in asyncio.all_tasks() if "durable" in repr(t.get_coro())}
    print(how, run.state.name, serving.cancelled(), len(left))


if __name__ == "__main__":
    for how in sys.argv[1:]:
        asyncio.run(main(how))
PY
  # With the kit's own environment, where Prefect's serve is durable's.
  in_make_shell "cd $(printf %q "$SERVICE")" 'python f.py serve serve.aio durable task.serve task.aserve execute'
  local how
  for how in serve serve.aio durable task.serve task.aserve; do has "$how Completed True 0"; done
  has 'execute Completed'
  has_not Traceback
  for how in ./f.py:greet f.py:greet '-m f'; do
    start cli bash -c 'printf "cd %q\nexec prefect task serve %s\n" "$1" "$2" | make -s shell' _ "$SERVICE" "$how"
    within 30 grep -q 'serves greet' "$cli_log"
    kill -TERM -- "-$cli_pid"
    # Once, though make passes the signal on to what has received it already.
    within 20 grep -q 'Stopped; nothing is in flight' "$cli_log"
  done
}

@test "time.sleep in an async def task: a line says so, and after Ctrl-C no run is in nobody's hands" {
  cat >"$SERVICE/serve.py" <<'PY'
import time

from durable import serve
from prefect import task


@task
async def blocking(n: int):
    print(f"began {n}", flush=True)
    time.sleep(5)


if __name__ == "__main__":
    serve(blocking, limit=2, records="records", name="blocked")
PY
  start_typed blocked 'exec python serve.py'
  within 30 grep -q 'blocked serves blocking' "$blocked_log"
  start_typed submit 'python -c "import serve; [serve.blocking.delay(n) for n in range(4)]"'
  within 20 grep -q '^began' "$blocked_log"
  kill -INT -- "-$blocked_pid"
  within 30 grep -q 'Stopped; nothing is in flight' "$blocked_log"
  within 10 gone "$submit_pid"
  grep 'the event loop of blocked was blocked for .* an `async def` task is doing blocking work' "$blocked_log"
  # What was received has ended; the rest is in the queue.
  local begun
  begun=$(grep -c '^began' "$blocked_log")
  within 10 eval '[ "$(count_in_state COMPLETED)" -eq $((begun + 1)) ]' # with that of make ex1
  start_typed again 'exec python serve.py'
  within 40 eval '[ "$(count_in_state COMPLETED)" -eq 5 ]'
  kill -TERM -- "-$again_pid"
  within 30 grep -q 'Stopped; nothing is in flight' "$again_log"
}

@test "aserve in a lifespan of uvicorn: a save reloads it, Ctrl-C ends it, and both finish a run; its handlers come back" {
  cat >"$SERVICE/app.py" <<'PY'
import asyncio
import contextlib
import time

import durable
from fastapi import FastAPI
from prefect import task


@task
def second(n: int):
    time.sleep(1)
    print(f"finished {n}", flush=True)


@contextlib.asynccontextmanager
async def lifespan(_):
    serving = asyncio.create_task(durable.aserve(second, records="records", name="lifespan"))
    yield
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


app = FastAPI(lifespan=lifespan)


async def briefly():
    await durable.aserve(second, timeout=2)
    print("served", flush=True)
    await asyncio.sleep(60)


if __name__ == "__main__":
    try:
        asyncio.run(briefly())
    except KeyboardInterrupt:
        print("interrupted", flush=True)
PY
  start_typed web "exec python -m uvicorn app:app --reload --port $WEB_PORT --lifespan on"
  within 30 grep -q 'lifespan serves second' "$web_log"
  # In the background, so that the save comes while the run is in flight.
  start_typed submit 'python -c "import app; app.second.delay(1)"'
  within 20 grep -q 'Received task run' "$web_log"
  never grep -q 'finished 1' "$web_log"
  echo '# saved' >>"$SERVICE/app.py"
  within 5 eval '[ "$(grep -c "lifespan serves second" "$web_log")" -eq 2 ]'
  ok grep 'finished 1' "$web_log"
  within 20 gone "$submit_pid"
  start_typed submit 'python -c "import app; app.second.delay(2)"'
  within 20 eval '[ "$(grep -c "Received task run" "$web_log")" -eq 2 ]'
  never grep -q 'finished 2' "$web_log"
  kill -INT -- "-$web_pid"
  within 5 grep -q 'Stopping reloader process' "$web_log"
  within 5 gone "$web_pid"
  ok grep 'finished 2' "$web_log"
  is "$(grep -c 'Stopped; nothing is in flight' "$web_log")" 2 'polite ends'
  start_typed briefly 'exec python app.py'
  within 30 grep -q '^served' "$briefly_log"
  kill -INT -- "-$briefly_pid"
  within 5 grep -q '^interrupted' "$briefly_log"
}

@test "a run that waits for its tag's slot, for a thread or for its next try is not overdue; NotReady is left alone" {
  cat >"$SERVICE/serve.py" <<'PY'
import sys
import time

from durable import serve
from prefect import task


@task(timeout_seconds=4, tags=["narrow"])
def slotted(n: int):
    time.sleep(1.5)


@task(timeout_seconds=4, retries=1, retry_delay_seconds=2, retry_jitter_factor=6)
def jittered(n: int):
    from prefect.context import TaskRunContext

    if TaskRunContext.get().task_run.run_count < 2:
        raise ValueError("once more")


@task(timeout_seconds=4)
def threaded(n: int):
    time.sleep(1.5)


@task
def broken():
    raise ValueError("broken")


@task
def after(value):
    return value


if __name__ == "__main__":
    if sys.argv[1:]:
        runs = [slotted.delay(n) for n in range(8)] + [jittered.delay(n) for n in range(4)]
        runs += [threaded.delay(n) for n in range(60)]
        for run in runs:
            run.wait(timeout=120)
        print("states", sorted({run.state.name for run in runs}))
        # First the one has ended: a wait of Prefect's that begins at just that moment misses it (task_runs.py, start).
        upstream = broken.delay()
        upstream.wait(timeout=60)
        print("after", after.delay(upstream).task_run_id)
    else:
        serve(slotted, jittered, threaded, broken, after, limit=None, records="records", name="waiting")
PY
  typed 'prefect concurrency-limit create narrow 1'
  start_typed waiting 'exec python serve.py'
  within 30 grep -q 'waiting serves' "$waiting_log"
  LIMIT_S=150 typed 'python serve.py submit'
  has "states ['Completed']"
  never grep -q 'could not be interrupted' "$waiting_log"
  local run
  run=$(sed -n 's/^after //p' <<<"$output")
  within 10 eval 'api "/task_runs/$run" | grep -q "\"state_name\":\"NotReady\""'
  local ended
  ended=$(api "/task_runs/$run" | json 'd["state_id"]')
  typed 'python -m durable rescue --records records --once'
  is "$(api "/task_runs/$run" | json 'd["state_id"]')" "$ended" 'the state in which it ended'
  kill -TERM -- "-$waiting_pid"
  within 30 grep -q 'Stopped; nothing is in flight' "$waiting_log"
}
