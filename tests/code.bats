#!/usr/bin/env bats
# Code along: make code, solve and reset; CODE=; and each typical mistake, really written, with its sentence.
# `my` is made in a copy of the kit, in a folder with a space, so that nothing of the developer's is touched; CODE names it.
# bats file_tags=code

load helpers

setup_file() {
  COPY="$BATS_FILE_TMPDIR/a kit"
  mkdir "$COPY"
  cp -R Makefile Procfile.* scripts examples requirements "$COPY/"
  export COPY MY="$COPY/my"
}
setup() { own_kit; }
teardown() {
  stop_and_check
  rm -rf "$MY"
}

# COMMAND... -> as it is typed in the copy; code, solve and reset need no set-up
THERE=(bash -c 'cd "$COPY" && exec "$@"' _)
# EX -> the example as somebody has written it who is through: the skeleton, and make solve APPLY=1
written() {
  "${THERE[@]}" make -s code EX="$1" >/dev/null
  "${THERE[@]}" make -s solve EX="$1" APPLY=1 >/dev/null
  rm -rf "$MY/ex$1.1"
}
# FILE FROM TO -> what stands in the learner's file is exchanged; it must have been there
exchange() {
  "$PYTHON_OF_TESTS" - "$@" <<'PY'
import pathlib, sys
path, old, new = sys.argv[1:]
text = pathlib.Path(path).read_text()
assert old in text, (old, text)
pathlib.Path(path).write_text(text.replace(old, new))
PY
}

@test "make code puts a skeleton there, says what is to write and what comes next, and overwrites nothing" {
  local n
  touch "$COPY/examples/ex5_marvin/.openai.env"
  for n in 1 2 3 4 5 6; do
    ok "${THERE[@]}" make code EX=$n
    has 'to write, step by step:'
    has "make ex$n CODE=my/ex$n"
    has "make check EX=$n"
    not_there "$MY/ex$n/README.md" "$MY/ex$n/skeleton"
    grep -rqE '^ *# [1-9]\. ' "$MY/ex$n"
  done
  not_there "$MY/ex5/.openai.env" # a key stays where it is
  there "$MY/ex4/templates/signup.html" "$MY/ex4/static/signup.js" "$MY/ex5/minds.py"
  cmp "$MY/ex2/task_server.py" examples/ex2_task_servers/skeleton/task_server.py
  echo mine >"$MY/ex2/task_server.py"
  refused 'make reset EX=2' "${THERE[@]}" make code EX=2
  is "$(cat "$MY/ex2/task_server.py")" mine "the learner's file"
  for n in '' 0 '$(touch x)' '2 3'; do refused 'make code EX=2' "${THERE[@]}" make code EX="$n"; done
  refused 'make solve EX=2' "${THERE[@]}" make solve
  refused 'make reset EX=2' "${THERE[@]}" make reset EX=7
  grep -qx '/my/' .gitignore
}

@test "make solve shows the difference, APPLY=1 takes the finished files; solve and reset keep what was there" {
  refused 'make code EX=2' "${THERE[@]}" make solve EX=2
  refused 'make code EX=2' "${THERE[@]}" make solve EX=2 APPLY=1
  refused 'make code EX=2' "${THERE[@]}" make reset EX=2
  "${THERE[@]}" make -s code EX=2
  echo '# mine' >>"$MY/ex2/task_server.py"
  echo 'notes' >"$MY/ex2/notes.txt"
  ok "${THERE[@]}" make solve EX=2
  has '--- my/ex2/task_server.py'
  has '+++ examples/ex2_task_servers/task_server.py'
  has '+    serve(my_background_task, limit=LIMIT)'
  has '-# mine'
  never grep -q $'\033' <<<"$output"
  ok "${TERMINAL[@]}" bash -c 'cd "$COPY" && make solve EX=2'
  grep -q $'\033\[32m+    serve' <<<"$output"
  refused 'APPLY=0' "${THERE[@]}" make solve EX=2 APPLY=yes
  ok "${THERE[@]}" make solve EX=2 APPLY=1
  has 'kept what you had: my/ex2.1'
  has 'taken: my/ex2/task_server.py'
  grep -qx '# mine' "$MY/ex2.1/task_server.py"
  for file in task_server task_submitter task_submitter_map; do cmp "$MY/ex2/$file.py" "examples/ex2_task_servers/$file.py"; done
  ok "${THERE[@]}" make solve EX=2
  has 'no difference'
  ok "${THERE[@]}" make solve EX=2 APPLY=1
  has 'nothing to take'
  not_there "$MY/ex2.2"
  ok "${THERE[@]}" make reset EX=2
  has 'kept what you had: my/ex2.2'
  ok "${THERE[@]}" make reset EX=2
  has 'kept what you had: my/ex2.3'
  grep -qx '# mine' "$MY/ex2.1/task_server.py"
  cmp "$MY/ex2.2/task_server.py" examples/ex2_task_servers/task_server.py
  there "$MY/ex2.2/notes.txt"
  cmp "$MY/ex2/task_server.py" examples/ex2_task_servers/skeleton/task_server.py
  # A file of the example that was deleted is there again.
  rm "$MY/ex2/task_submitter.py"
  ok "${THERE[@]}" make solve EX=2
  has '+++ examples/ex2_task_servers/task_submitter.py'
}

@test "CODE that cannot run is refused before anything starts" {
  refused 'make code EX=2' make ex2 CODE=my/nowhere
  refused 'make code EX=1' make ex1 CODE=my/nowhere
  mkdir -p "$MY/ex2"
  refused 'lacks task_server.py' make ex2 CODE="$MY/ex2"
  written 4
  rm "$MY/ex4/page.py"
  refused 'lacks page.py' make ex4 CODE="$MY/ex4"
  written 5
  refused 'without DOCKER=1' make ex5 CODE="$MY/ex5" DOCKER=1
  mkdir "$MY/a:b"
  refused "has a ':'" make ex2 CODE="$MY/a:b"
  refused 'make code EX=2' make check EX=2 CODE="$MY/ex2"
  not_there "$WORKSHOP_HOME/run/example"
}

@test "an untouched skeleton gets a sentence, with its file and line, and nothing starts" {
  local n
  for n in 1 2 3 4 5 6; do
    "${THERE[@]}" make -s code EX=$n
    refused 'is not a task yet. Try: the line @task above' make ex$n CODE="$MY/ex$n"
    grep -qE "/my/ex$n/[a-z_]+\.py:[0-9]+: " <<<"$output"
  done
  try make check EX=2 CODE="$MY/ex2"
  has 'judging your code in '
  has 'task_server.py:13: my_background_task is not a task yet'
  has 'nothing serves the task'
  has 'task_submitter.py: submits nothing yet'
  has '✗ the Prefect server is healthy'
  has "make ex2 CODE=$MY/ex2"
  # Step by step: what is only unfinished, and elsewhere, does not keep the task server from starting.
  cp examples/ex2_task_servers/task_server.py "$MY/ex2/"
  unaccused 2 "$MY/ex2"
}

# EX FOLDER -> the kit says nothing about that code
unaccused() {
  ok scripts/py.sh mistakes "$@"
  is "$output" '' 'what the kit says about the code'
}

# SENTENCE FILE FROM TO -> with that mistake in example $EX, make exN CODE=… refuses to start: in one line, and where
mistake() {
  rm -rf "$MY"
  written "$EX"
  exchange "$MY/ex$EX/$2" "$3" "$4"
  refused "$1" make "ex$EX" CODE="$MY/ex$EX"
  grep -qE "$2:[0-9]+: " <<<"$output"
}
# The same for one that keeps the example from nothing: it is a note, as make exN CODE=… starts.
noted() {
  rm -rf "$MY"
  written "$EX"
  exchange "$MY/ex$EX/$2" "$3" "$4"
  ok scripts/py.sh mistakes "$EX" "$MY/ex$EX"
  has "$1"
  grep -qE "^note: .*$2:[0-9]+: " <<<"$output"
}

@test "a wrong import has a sentence" {
  local EX=2 serve='from prefect.task_worker import serve' task='from prefect import task' mine='from task_server import my_background_task'
  mistake 'there is no prefect.task_server: Prefect 3 says prefect.task_worker. Try: `from prefect.task_worker import serve`' task_server.py "$serve" 'from prefect.task_server import serve'
  mistake 'the decorator is `task`. Try: `from prefect import task`' task_server.py "$task" 'from prefect import tasks'
  mistake 'prefect.serve is for deployments of flows' task_server.py "$serve" 'from prefect import serve'
  mistake 'prefect.task_worker has no server. Try: `from prefect.task_worker import serve`' task_server.py "$serve" 'from prefect.task_worker import server as serve'
  mistake 'there is no module prefect.task_workr. Try: `prefect.task_worker`' task_server.py "$serve" 'from prefect.task_workr import serve'
  mistake 'serve is used and not imported. Try: `from prefect.task_worker import serve`' task_server.py "$serve" ''
  noted 'there is no module task_servers. Try: `from task_server import my_background_task`' task_submitter.py "$mine" 'from task_servers import my_background_task'
  noted 'task_server.py has no my_b_task' task_submitter.py "$mine" 'from task_server import my_b_task as my_background_task'
  noted 'my_background_task is used and not imported. Try: `from task_server import my_background_task`' task_submitter.py "$mine" ''
  noted 'works in a package only' task_submitter.py "$mine" 'from .task_server import my_background_task'
  mistake 'task_server.py:13: tsk is not defined. Try: task, perhaps' task_server.py '@task' '@tsk'
  mistake 'my_backgroud_task is not defined. Try: my_background_task, perhaps' task_server.py 'serve(my_background_task' 'serve(my_backgroud_task'
  noted 'task_server.py has no my_task. Try: `from task_server import my_background_task`' task_submitter.py "$mine" 'from task_server import my_task'
  mistake 'task_server.py:21: has no my_background_task, which the kit'"'"'s commands submit to. Try: calling my_bg_task so' task_server.py 'def my_background_task' 'def my_bg_task'
  mistake 'is no valid Python' task_server.py 'return f"Hello' 'return f("Hello'
}

@test "serve forgotten, without its task, or in the wrong place, has a sentence" {
  local EX=2 serve='    serve(my_background_task, limit=LIMIT)'
  mistake 'nothing serves the task, so the task server would end at once' task_server.py "$serve" '    print("ready")'
  mistake 'serve() is given no task. Try: serve(my_background_task)' task_server.py "$serve" '    serve()'
  mistake 'serve wants the task itself' task_server.py "$serve" '    serve(my_background_task("x"))'
  mistake 'serve wants the tasks themselves, not a list of them. Try: serve(my_background_task)' task_server.py "$serve" '    serve([my_background_task])'
  mistake 'serve has no option limits. Try: limit=…' task_server.py 'limit=LIMIT' 'limits=LIMIT'
  mistake 'aserve(…) without await does nothing. Try: asyncio.run(aserve(my_background_task))' task_server.py "$serve" '    from prefect.task_worker import aserve
    aserve(my_background_task)'
  mistake 'whoever imports this file starts a task server, and hangs' task_server.py "if __name__ == \"__main__\":
$serve" 'serve(my_background_task)'
}

@test "what shows only when the program starts has a sentence too: it is started up to its serve" {
  local EX=2 guard='if __name__ == "__main__":' serve='    serve(my_background_task, limit=LIMIT)'
  mistake 'serve wants tasks, and is given list' task_server.py "$serve" '    tasks = [my_background_task]
    serve(tasks, limit=LIMIT)'
  mistake "limit='1' is no number. Try: limit=int(…)" task_server.py 'int(os.getenv("LIMIT", "1"))' 'os.getenv("LIMIT", "1")'
  mistake 'serve(…) cannot be called in an asynchronous function' task_server.py "$guard
$serve" 'async def main():
    serve(my_background_task)


if __name__ == "__main__":
    import asyncio

    asyncio.run(main())'
  mistake 'the program ends without coming to a serve(…), and a task server stays' task_server.py "$guard" 'def main():'
  mistake "serve is reached outside of \`if __name__" task_server.py "$guard
$serve" 'def main():
    serve(my_background_task)


main()'
  mistake "name 'my_background_task' is not defined. Try: defining my_background_task above it" task_server.py '@task' 'if __name__ == "__main__":
    serve(my_background_task)


@task'
  EX=3
  rm -rf "$MY"
  written 3
  sed -i.was 's/\bapp\b/api/' "$MY/ex3/first_fastapi.py"
  refused 'first_fastapi.py: has no app, which the example starts. Try: calling api so' make ex3 CODE="$MY/ex3"
}

@test "what examples 4 to 6 add has a sentence: numbers from the environment, keys, names of runs, await" {
  local EX=6
  mistake 'limit is text here, as all that comes from the environment is. Try: limit=int(os.getenv(' task_server.py 'limit=int(os.getenv("LIMIT", "4"))' 'limit=os.getenv("LIMIT", "4")'
  mistake 'grace is text here' task_server.py 'grace=float(os.getenv("GRACE", "30"))' 'grace=os.environ["GRACE"]'
  mistake 'keyed wants a namespace. Try: @keyed("…")' task_server.py '@keyed("ex6")' '@keyed'
  mistake '@keyed belongs above @task' task_server.py '@keyed("ex6")
@task' '@task
@keyed("ex6")'
  noted 'serve is not given ship, whose runs would wait for ever' task_server.py '        ship,
' ''
  EX=4
  noted 'serve is not given enrol_in_onboarding_flow, whose runs' signup_tasks.py '*TASKS.values()' 'send_confirmation_email, populate_workspace'
  noted 'task_run_name has {mail}, and send_confirmation_email has no parameter of that name. Try: {email}' signup_tasks.py 'email to {email}' 'email to {mail}'
  mistake 'here there is no such name yet. Try: the same without the f before it' signup_tasks.py 'task_run_name="Send' 'task_run_name=f"Send'
  EX=5
  noted 'reply(…) without await gives no answer. Try: await reply(question, tone)' marvin_task_server.py 'await reply' 'reply'
  noted 'classify_async(…) without await gives no answer' marvin_task_server.py 'await marvin' 'marvin'
}

@test "a wrong __name__ has a sentence: what stands below it never runs" {
  local EX=2
  mistake "__name__ is never 'main', so what stands below this line never runs. Try: if __name__ == \"__main__\":" task_server.py '"__main__"' '"main"'
  noted "__name__ is never '__main'" task_submitter.py '"__main__"' '"__main"'
}

@test "a function with steps to write has a sentence until it is written, and keeps nothing from starting" {
  written 3
  cp examples/ex3_fastapi/skeleton/first_fastapi.py "$MY/ex3/"
  try make check EX=3 CODE="$MY/ex3"
  has 'first_fastapi.py:25: in submit_task steps 2 and 3 are to be written'
  has 'first_fastapi.py:34: in read_task steps 4 and 5 are to be written'
  has 'make solve EX=3'
  unaccused 3 "$MY/ex3"
  written 6
  exchange "$MY/ex6/task_server.py" "$(sed -n '/    parcel = /,/note("again")/p' "$MY/ex6/task_server.py")" ''
  try make check EX=6 CODE="$MY/ex6"
  has 'in ship step 3 is to be written'
  rm -rf "$MY/ex6"
  written 6
  exchange "$MY/ex6/task_server.py" 'open("x")' 'open("w")'
  try make check EX=6 CODE="$MY/ex6"
  has 'opens a file with "w", so a run that is started again ships a second time'
}

@test "submit and map as in a flow, and a task called directly, have a sentence" {
  local EX=2
  noted 'without deferred=True works in a flow only. Try: my_background_task.map([…], deferred=True)' task_submitter_map.py ', deferred=True' ''
  noted 'map wants a list with a value for each run, and gets none. Try: my_background_task.map(['"'Ford', 'Prefect'"'], deferred=True)' task_submitter_map.py '["Ford", "Prefect", "Slartibartfast"]' '"Ford", "Prefect"'
  noted 'my_background_task.delay without parentheses submits nothing' task_submitter.py 'future = my_background_task.delay("Agrajag")' 'my_background_task.delay'
  noted 'my_background_task is defined in task_server.py too; this one is another task, which nobody serves. Try: `from task_server import my_background_task` in its place' task_submitter.py 'from task_server import my_background_task' 'from prefect import task


@task
def my_background_task(name: str):
    return name'
  noted 'my_background_task.submit(…) works in a flow only. Try: my_background_task.delay(…)' task_submitter.py 'delay(' 'submit('
  noted 'runs the task here, in this program, and not on a task server' task_submitter.py 'my_background_task.delay(' 'my_background_task('
  noted 'my_background_task wants name, which this run is not given. Try: my_background_task.delay(name=…)' task_submitter.py '"Agrajag"' ''
  noted 'my_background_task takes other arguments than the kit'"'"'s commands give it: name' task_server.py '(name: str)' '()'
  EX=1
  mistake 'example 1 has no task server, which greet.submit(…) is for. Try: greet(*sys.argv[1:])' greeter.py '    greet(' '    greet.submit('
  noted 'greet is asynchronous, so calling it so does nothing. Try: asyncio.run(greet(*sys.argv[1:]))' greeter.py 'def greet' 'async def greet'
  EX=3
  noted 'runs the task here' first_fastapi.py 'my_fastapi_task.delay(' 'my_fastapi_task('
}

@test "another PREFECT_API_URL in the code has a sentence; the kit's own is none" {
  local EX=2
  mistake 'sets PREFECT_API_URL to http://127.0.0.1:9/api, and the kit'"'"'s Prefect server is http://127.0.0.1:'"$PREFECT_PORT" task_server.py 'import time' 'import time
os.environ["PREFECT_API_URL"] = "http://127.0.0.1:9/api"'
  noted 'sets PREFECT_API_URL to https://cloud.example/api' task_submitter.py '    future = ' '    from prefect.settings import PREFECT_API_URL, temporary_settings
    with temporary_settings({PREFECT_API_URL: "https://cloud.example/api"}):
        future = '
  exchange "$MY/ex2/task_submitter.py" https://cloud.example/api "http://localhost:$PREFECT_PORT/api"
  unaccused 2 "$MY/ex2"
}

@test "other styles that are right are not accused" {
  local folder=$BATS_TEST_TMPDIR/style
  mkdir "$folder"
  cat >"$folder/task_server.py" <<'PY'
import asyncio

import prefect
import prefect.task_worker as worker
from prefect import flow
from prefect import task as background


@background(retries=1)
def other():
    pass


def greet(name):
    other.submit()
    return name


my_background_task = prefect.task(greet, name="my_background_task")


@flow
def all_of_them():
    other.map([1, 2])
    other.submit()


def main():
    asyncio.run(worker.aserve(my_background_task, other))


if __name__ == "__main__":
    main()
PY
  cat >"$folder/task_submitter.py" <<'PY'
import asyncio
import os

import task_server
from prefect import task as background
from task_server import my_background_task as greet, other

os.environ.setdefault("PREFECT_API_URL", "http://127.0.0.1:4200/api")
options = {"deferred": True}
for name in ("Ford", "Agrajag"):
    task_server.my_background_task.apply_async((name,))
other.map(["a"], **options)
other.map("static", sizes=["S", "M"], deferred=True)
print(other())


async def slowly():
    pass


async def numbers():
    yield 1


async def both():
    later = slowly()
    await later
    first, again = slowly(), [slowly()]
    pair = slowly()
    for waiting in (first, *again, pair):
        await waiting
    await asyncio.gather(slowly(), slowly())
    given = slowly()
    task_server.keep(given)
    some = numbers()
    async for number in some:
        print(number)


@background(task_run_name="{{literal}} {name!r:>10} {sizes[0]}")
def label(name, sizes):
    pass


try:
    greet.submit("x")
except RuntimeError as error:
    print(error)
PY
  unaccused 2 "$folder"
  try make check EX=2 CODE="$folder"
  has '✓ it has none of the mistakes that the kit knows'
  cat >"$folder/task_server.py" <<'PY'
from prefect import task


@task
def my_background_task(name):
    return name


def start():
    my_background_task.serve()


if __name__ == "__main__":
    start()
PY
  rm "$folder/task_submitter.py"
  unaccused 2 "$folder"
  # A package of one's own, serve under another name, a task with more than the kit gives it, names that come and go.
  mkdir "$folder/mytools"
  echo 'def hello(name): return name' >"$folder/mytools/words.py"
  cat >"$folder/task_server.py" <<'PY'
from __future__ import annotations

import mytools.words
from mytools.words import hello
from prefect import task
from prefect.task_worker import serve as start


@task(log_prints=True)
def my_background_task(name: NotKnown, greeting="Hello", *rest, loud=False, **more):
    return hello(name) + mytools.words.hello(greeting)


def serve(port):
    return port


if __name__ == "__main__":
    serve(port=8000)
    try:
        unknown
    except NameError:
        print(__file__)
    match {"a": 1}:
        case {"a": one, **others}:
            print(one, others)
    start(my_background_task, limit=2, timeout=None)
PY
  cat >"$folder/task_submitter.py" <<'PY'
from task_server import my_background_task

given = ("Ford",)
my_background_task.delay(*given)
my_background_task.delay("Ford", "Hi", 3, 4, loud=True, other=5)
my_background_task.delay(**{"name": "Ford"})
PY
  unaccused 2 "$folder"
  # What only a start can tell: another file that serves, functions and folders of one's own.
  rm "$folder/task_submitter.py"
  mkdir "$folder/lib"
  echo 'from prefect.task_worker import serve; LIMIT = 2' >"$folder/lib/far_away.py"
  printf 'def serve(what, *, twice):\n    from task_server import my_background_task\n    from prefect.task_worker import serve\n    serve(my_background_task)\n' >"$folder/runner.py"
  cat >"$folder/task_server.py" <<'PY'
import sys
from pathlib import Path

from prefect import task

sys.path.insert(0, str(Path(__file__).parent / "lib"))
from far_away import *


@task
def my_background_task(name: str):
    return name


CONFIG = {}
CONFIG.update({"PREFECT_API_URL": "http://production.example/api"})

if __name__ == "__main__":
    from runner import serve

    serve([my_background_task], twice=LIMIT)
PY
  unaccused 2 "$folder"
  # Example 1 without its guard: nothing is run to find that out.
  mkdir "$folder/one"
  sed -e 's/^if __name__.*/def main():/' -e '$a main()' examples/ex1_task/greeter.py >"$folder/one/greeter.py"
  unaccused 1 "$folder/one"
  sed -e '/^if __name__/d' -e 's/^    greet(/greet(/' examples/ex1_task/greeter.py >"$folder/one/greeter.py"
  unaccused 1 "$folder/one"
}

# bats test_tags=long
@test "the finished examples 4, 5 and 6 have no mistake that the kit knows (1, 2 and 3 run, below and in code_live.bats)" {
  local n
  for n in 4 5 6; do
    written $n
    try make check EX=$n CODE="$MY/ex$n"
    has '✓ it has none of the mistakes that the kit knows'
    has "make ex$n CODE=$MY/ex$n"
  done
  exchange "$MY/ex6/task_server.py" '@keyed("ex6")' ''
  try make check EX=6 CODE="$MY/ex6"
  has 'the key of ship is not the one that make check looks for, ex6.ship-…'
  has '@keyed("ex6") above its @task'
}

@test "example 1 of one's own runs and is judged; one that calls no task is told so" {
  written 1
  exchange "$MY/ex1/greeter.py" 'Hello, {name}' 'Howdy, {name}'
  ok make ex1 CODE="$MY/ex1" NAME=Ford
  has 'running your code in '
  has 'Howdy, Ford!'
  has "the run's page: "
  ok make check EX=1
  has "judging your code in $MY/ex1"
  has 'every promise holds'
  exchange "$MY/ex1/greeter.py" 'greet(*sys.argv[1:])' 'print(sys.argv)'
  try make ex1 CODE="$MY/ex1"
  has 'ran, and called no task, so there is no run. Try: greet(*sys.argv[1:])'
  ok make ex1
  has 'Hello, Marvin!'
  ok make check EX=1
  has_not 'judging your code'
}

@test "a task server by hand, and the task changed after: the submitter and make check say so" {
  written 2
  ok make ex1
  printf 'cd %q\npython task_submitter.py\nexec python task_server.py\n' "$MY/ex2" >"$BATS_TEST_TMPDIR/typed"
  start by_hand bash -c 'make -s shell <"$0"' "$BATS_TEST_TMPDIR/typed"
  within 30 grep -q 'serves my_background_task' "$by_hand_log"
  grep -q 'note: the run waits: no task server serves my_background_task now' "$by_hand_log"
  within 20 grep -q 'Hello, Agrajag!' "$by_hand_log" # and now one does
  exchange "$MY/ex2/task_server.py" 'Hello' 'Howdy'
  in_make_shell "cd $(printf %q "$MY/ex2")" 'python task_submitter.py'
  is "$status" 0 'exit code'
  has 'note: the run waits: the task servers have another version of my_background_task than this program'
  has 'Try: restart the task server'
  try make check EX=2 CODE="$MY/ex2"
  has 'undo the change; or restart the task server started by hand'
  kill -INT -- "-$by_hand_pid"
  within 20 gone "$by_hand_pid"
}

@test "example 3 of one's own: the app and its task server run from there, reload, and keep every promise" {
  written 3
  exchange "$MY/ex3/first_fastapi_task_server.py" 'Hello, {name}' 'Howdy, {name}'
  exchange "$MY/ex3/first_fastapi_task_server.py" 'return f"Howdy' 'return f"Hello'
  # The path may be relative to the kit.
  start_example 3 CODE="$("$PYTHON_OF_TESTS" -c 'import os, sys; print(os.path.relpath(*sys.argv[1:]))' "$MY/ex3" "$KIT")"
  grep -q "running your code in $MY/ex3" "$stack_log"
  ok make task
  has 'Hello, Marvin!'
  grep -q 'Howdy, Marvin!' "$stack_log"
  ok make check EX=3
  has "judging your code in $MY/ex3"
  has 'every promise holds'
  exchange "$MY/ex3/first_fastapi.py" 'Hello World' 'Good morning'
  within 20 eval 'curl -sf --max-time 5 "$WEB/" | grep -q "Good morning"'
}
