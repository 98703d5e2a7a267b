#!/usr/bin/env bats
# Code along: each typical mistake, really written, with its sentence.
# bats file_tags=code

load helpers
load helpers_code

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
  ok scripts/py.sh learners.mistakes "$EX" "$MY/ex$EX"
  has "$1"
  grep -qE "^note: .*$2:[0-9]+: " <<<"$output"
}

# bats test_tags=long
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
  noted 'there is no module my.ex2.task_server. Try: `from task_server import my_background_task`' task_submitter.py "$mine" 'from my.ex2.task_server import my_background_task'
  noted 'works in a package only' task_submitter.py "$mine" 'from .task_server import my_background_task'
  mistake 'task_server.py:13: tsk is not defined. Try: task, perhaps' task_server.py '@task' '@tsk'
  mistake 'my_backgroud_task is not defined. Try: my_background_task, perhaps' task_server.py 'serve(my_background_task' 'serve(my_backgroud_task'
  noted 'task_server.py has no my_task. Try: `from task_server import my_background_task`' task_submitter.py "$mine" 'from task_server import my_task'
  mistake 'task_server.py:22: has no my_background_task, which the kit'"'"'s commands submit to. Try: calling my_bg_task so' task_server.py 'def my_background_task' 'def my_bg_task'
  mistake 'is no valid Python' task_server.py 'return f"Hello' 'return f("Hello'
}

# bats test_tags=long
@test "serve forgotten, without its task, or in the wrong place, has a sentence" {
  local EX=2 serve='    serve(my_background_task, limit=LIMIT)'
  mistake 'nothing serves the task, so the task server would end at once' task_server.py "$serve" '    print("ready")'
  mistake 'serve() is given no task. Try: serve(my_background_task)' task_server.py "$serve" '    serve()'
  mistake 'serve needs the task itself' task_server.py "$serve" '    serve(my_background_task("x"))'
  mistake 'serve needs the tasks themselves, not a list of them. Try: serve(my_background_task)' task_server.py "$serve" '    serve([my_background_task])'
  mistake 'serve has no option limits. Try: limit=…' task_server.py 'limit=LIMIT' 'limits=LIMIT'
  mistake 'aserve(…) without await does nothing. Try: asyncio.run(aserve(my_background_task))' task_server.py "$serve" '    from prefect.task_worker import aserve
    aserve(my_background_task)'
  mistake 'aserve(…) without await does nothing. Try: await aserve(my_background_task)' task_server.py "$serve" '    import asyncio
    from prefect.task_worker import aserve

    async def main():
        aserve(my_background_task)

    asyncio.run(main())'
  mistake 'every import of this file starts a task server, and hangs' task_server.py "if __name__ == \"__main__\":
$serve" 'serve(my_background_task)'
}

# bats test_tags=long
@test "what shows only when the program starts has a sentence too: it is started up to its serve" {
  local EX=2 guard='if __name__ == "__main__":' serve='    serve(my_background_task, limit=LIMIT)'
  mistake 'serve needs tasks, and is given list' task_server.py "$serve" '    tasks = [my_background_task]
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
  sed -i.was 's/^app = /api = /; s/^@app\./@api./' "$MY/ex3/first_fastapi.py"
  refused 'first_fastapi.py: has no app, which the example starts. Try: calling api so' make ex3 CODE="$MY/ex3"
}

# bats test_tags=long
@test "what examples 4 to 6 add has a sentence: numbers from the environment, keys, names of runs, await" {
  local EX=6
  mistake 'limit is text here, as all that comes from the environment is. Try: limit=int(os.getenv(' task_server.py 'limit=int(os.getenv("LIMIT", "4"))' 'limit=os.getenv("LIMIT", "4")'
  mistake 'grace is text here' task_server.py 'grace=float(os.getenv("GRACE", "30"))' 'grace=os.environ["GRACE"]'
  mistake 'keyed needs a namespace. Try: @keyed("…")' task_server.py '@keyed("ex6")' '@keyed'
  mistake '@keyed belongs above @task' task_server.py '@keyed("ex6")
@task' '@task
@keyed("ex6")'
  noted 'serve is not given ship, whose runs would wait without end' task_server.py '        ship,
' ''
  EX=4
  noted 'serve is not given enrol_in_onboarding_flow, whose runs' signup_tasks.py '*TASKS.values()' 'send_confirmation_email, populate_workspace'
  noted 'task_run_name has {mail}, and send_confirmation_email has no parameter of that name. Try: {email}' signup_tasks.py 'email to {email}' 'email to {mail}'
  mistake 'here there is no such name yet. Try: the same without the f before it' signup_tasks.py 'task_run_name="Send' 'task_run_name=f"Send'
  EX=5
  noted 'reply(…) without await gives no answer. Try: await reply(question, tone)' marvin_task_server.py 'await reply' 'reply'
  noted 'classify_async(…) without await gives no answer' marvin_task_server.py 'await marvin' 'marvin'
}

@test "a file that hides a module of Python's or an installed package has a sentence; one with a name of the kit's works" {
  local name
  for name in queue email prefect fastapi durable; do
    written 3
    echo 'x = 1' >"$MY/ex3/$name.py"
    refused ", which the example needs. Try: another name, as my_$name.py" make ex3 CODE="$MY/ex3"
    has "/my/ex3/$name.py: hides "
    rm -rf "$MY"
  done
  written 3
  echo 'x = 1' >"$MY/ex3/wave.py" # which nothing needs
  ok scripts/py.sh learners.mistakes 3 "$MY/ex3"
  has "/my/ex3/wave.py: hides Python's own module wave. Try: another name, as my_wave.py"
  rm -rf "$MY"
  written 2
  for name in workshop examples keep mistakes start test words; do echo "WORD = '$name'" >"$MY/ex2/$name.py"; done
  mkdir "$MY/ex2/json" # no package without its __init__.py: Python finds its own
  exchange "$MY/ex2/task_server.py" 'import os' 'import os
import examples
import keep
import mistakes
import start
import words
import workshop'
  unaccused 2 "$MY/ex2"
}

@test "a wrong __name__ has a sentence: what stands below it never runs" {
  local EX=2
  mistake "__name__ is never 'main', so what stands below this line never runs. Try: if __name__ == \"__main__\":" task_server.py '"__main__"' '"main"'
  noted "__name__ is never '__main'" task_submitter.py '"__main__"' '"__main"'
}

@test "a function with steps to write has a sentence until it is written, and keeps nothing from starting" {
  written 3
  "${THERE[@]}" make -s catch-up EX=3 STEP=4 >/dev/null
  try make check EX=3 CODE="$MY/ex3"
  has 'first_fastapi.py:28: steps 3.5, 3.6, 3.7 and 3.8 are to be written'
  has 'make learn EX=3'
  unaccused 3 "$MY/ex3"
  "${THERE[@]}" make -s catch-up EX=6 STEP=3 >/dev/null
  try make check EX=6 CODE="$MY/ex6"
  has 'step 6.4 is to be written'
  rm -rf "$MY/ex6"
  written 6
  exchange "$MY/ex6/task_server.py" 'open("x")' 'open("w")'
  try make check EX=6 CODE="$MY/ex6"
  has 'opens a file with "w", so a run that is started again ships a second time'
}

# bats test_tags=long
@test "submit and map as in a flow, and a task called directly, have a sentence" {
  local EX=2
  noted 'without deferred=True works in a flow only. Try: my_background_task.map([…], deferred=True)' task_submitter_map.py ', deferred=True' ''
  noted 'map needs a list with a value for each run, and gets none. Try: my_background_task.map(['"'Ford', 'Prefect'"'], deferred=True)' task_submitter_map.py '["Ford", "Prefect", "Slartibartfast"]' '"Ford", "Prefect"'
  noted 'my_background_task.delay without parentheses submits nothing' task_submitter.py 'future = my_background_task.delay("Agrajag")' 'my_background_task.delay'
  noted 'my_background_task is defined in task_server.py too; this one is another task, which nobody serves. Try: `from task_server import my_background_task` in its place' task_submitter.py 'from task_server import my_background_task' 'from prefect import task


@task
def my_background_task(name: str):
    return name'
  noted 'my_background_task.submit(…) works in a flow only. Try: my_background_task.delay(…)' task_submitter.py 'delay(' 'submit('
  noted 'my_background_task() calls the task; delay is a method of the task itself' task_submitter.py 'task.delay(' 'task().delay('
  noted 'runs the task here, in this program, and not on a task server' task_submitter.py 'my_background_task.delay(' 'my_background_task('
  noted 'my_background_task needs name, which this run is not given. Try: my_background_task.delay(name=…)' task_submitter.py '"Agrajag"' ''
  noted 'my_background_task takes other arguments than the kit'"'"'s commands give it: name' task_server.py '(name: str)' '()'
  noted 'my_background_task.delay(…) cannot be awaited: it submits at once, and gives back a future. Try: my_background_task.delay(…), without await' task_submitter.py 'from task_server import my_background_task' 'from task_server import my_background_task


async def again():
    await my_background_task.delay("x")


'
  noted 'my_background_task.map(…) cannot be awaited' task_submitter_map.py 'if __name__' 'async def again():
    await my_background_task.map(["x"], deferred=True)


if __name__'
  EX=3
  noted 'run.state.is_completed without parentheses is always true' first_fastapi.py 'is_completed()' 'is_completed'
  noted 'my_fastapi_task.apply_async(…) cannot be awaited' first_fastapi.py 'def submit_task(name: str = "Marvin"):' 'async def submit_task(name: str = "Marvin"):
    await my_fastapi_task.apply_async((name,))'
  EX=1
  mistake 'example 1 has no task server, which greet.submit(…) is for. Try: greet(*sys.argv[1:])' greeter.py '    greet(' '    greet.submit('
  noted 'greet is asynchronous, so calling it so does nothing. Try: asyncio.run(greet(*sys.argv[1:]))' greeter.py 'def greet' 'async def greet'
  EX=3
  noted 'runs the task here' first_fastapi.py 'my_fastapi_task.delay(' 'my_fastapi_task('
}

@test "what works in a program and not in a task server has a sentence: the keyboard, a class of the task's own file" {
  local EX=2 task='@task
def my_background_task(name: str):'
  noted 'input() in a task needs a keyboard, which a task server of an example does not have. Try: make ex1 (a Prefect server alone), then in make shell: python task_server.py' task_server.py '    return f"' '    return input("name? ") + f"'
  noted 'breakpoint() in a task needs a keyboard' task_server.py '    return f"' '    breakpoint()
    return f"'
  local what='Colour of this file is another class in the task server than where it is submitted, so that `is`, `==` and isinstance fail. Try: putting the class into a module of its own'
  noted "$what" task_server.py "$task" 'import enum


class Colour(enum.Enum):
    RED = 1


@task
def my_background_task(name: Colour):
    if name is Colour.RED:
        return "red"'
  noted "$what" task_server.py "$task" 'from dataclasses import dataclass


@dataclass
class Colour:
    name: str


@task
def my_background_task(name: str):
    isinstance(name, Colour)
    if name == "x":
        return Colour(name)'
}

@test "another PREFECT_API_URL in the code has a sentence; the kit's own has none" {
  local EX=2
  mistake 'sets PREFECT_API_URL to http://127.0.0.1:9/api, and the kit'"'"'s Prefect server is http://127.0.0.1:'"$PREFECT_PORT" task_server.py 'import time' 'import time
os.environ["PREFECT_API_URL"] = "http://127.0.0.1:9/api"'
  noted 'sets PREFECT_API_URL to https://cloud.example/api' task_submitter.py '    future = ' '    from prefect.settings import PREFECT_API_URL, temporary_settings
    with temporary_settings({PREFECT_API_URL: "https://cloud.example/api"}):
        future = '
  exchange "$MY/ex2/task_submitter.py" https://cloud.example/api "http://localhost:$PREFECT_PORT/api"
  unaccused 2 "$MY/ex2"
}
