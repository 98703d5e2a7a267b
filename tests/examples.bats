#!/usr/bin/env bats
# What an example is stands in its example.env, and nowhere else: one more example is a folder and a Procfile.
# bats file_tags=examples

load helpers

setup() {
  own_kit
  COPY="$BATS_TEST_TMPDIR/a kit"
}
teardown() {
  cd "$KIT" || return
  stop_and_check
}

# A copy of the kit with an example 99 in it: example 2 under other names. No file of scripts/ or the Makefile is touched.
kit_with_99() {
  copy_kit "$COPY"
  lend_packages "$COPY"
  local folder="$COPY/examples/ex99_tiny"
  cp -R "$COPY/examples/ex2_task_servers" "$folder"
  rm "$folder"/task_submitter*.py
  mv "$folder/task_server.py" "$folder/waver.py"
  sed -i.bak 's/my_background_task/wave/g; s/"task_server.py"/"waver.py"/; /title = "import the task where/,$d' "$folder/waver.py" "$folder/steps.toml"
  rm "$folder"/*.bak
  sed '$d' "$folder/steps.toml" >"$folder/steps.new" # the last [[step]] had that title
  mv "$folder/steps.new" "$folder/steps.toml"
  cat >"$folder/example.env" <<'ENV'
EXAMPLE_TITLE=wave at somebody
EXAMPLE_TASKS=wave
EXAMPLE_TASK_FILE=waver.py
EXAMPLE_WRITE=waver.py
EXAMPLE_SERVERS=1
EXAMPLE_LIMIT=3
EXAMPLE_PORTS=PREFECT_PORT
EXAMPLE_PACKAGES=core
EXAMPLE_SUBMIT=make submit
EXAMPLE_NEXT=make submit NAME=Zaphod
EXAMPLE_TOUR=submit NAME=Zaphod
ENV
  printf '# %s\n\nAn example of the tests.\n\n## Run it\n\nTerminal 1:\n\n```bash\nmake ex99\n```\n\n```text\nready in 4.1 s: UI …\n```\n\nTerminal 2:\n\n```bash\nmake submit NAME=Zaphod\n```\n\n```text\ncompleted  Hello, Zaphod!\n```\n' 'Wave' >"$folder/README.md"
  printf 'server: keep --last prefect-server\ntask_server: keep --reload python "$CODE"/waver.py\n' >"$COPY/Procfile.ex99"
  cd "$COPY" || return 1
}

@test "one more example is a folder and a Procfile: make ex99, submit, check and stop work on it" {
  kit_with_99
  ok make help
  has 'make ex99        example 99: wave at somebody  [SERVERS=1] [LIMIT=3]'
  start_example 99
  grep 'next, in another terminal: make submit NAME=Zaphod' "$stack_log"
  ok make submit NAME=Zaphod
  has 'Hello, Zaphod!'
  ok make check
  has '✓ task servers subscribed to wave: 1 of 1'
  has '✓ runs of wave completed: 1'
  has 'every promise holds'
  refused 'make submit' make ex99
  ok make stop
  has 'stopped: example 99'
}

# bats test_tags=long
@test "one more example: make code, check of a learner's code, status, server, tour and demo work on it too" {
  kit_with_99
  ok make code EX=99
  has 'my/ex99/waver.py'
  refused 'wave is not a task yet' make ex99 CODE=my/ex99
  ok make solve EX=99 APPLY=1
  start_example 99 CODE=my/ex99
  ok make status
  has 'example 99 runs with your code in my/ex99'
  has '1 subscribed, 1 wanted'
  start joined make server
  within 30 grep -q 'serves wave' "$joined_log"
  ok make submit-map N=6
  has '6 of 6 runs completed'
  ok make check EX=99
  has 'it has none of the mistakes'
  ok make stop
  LIMIT_S=120 ok make tour EX=99
  has '$ make ex99'
  LIMIT_S=120 ok make demo EX=99 AUTO=1
  has '✓ every promise of examples/ex99_tiny/README.md came true'
}

@test "a shell full of EXAMPLE_ variables changes nothing, and none of the kit's gets into a process" {
  local name nonsense=()
  while read -r name; do nonsense+=("$name=nonsense"); done < <(sed -n 's/^\(EXAMPLE_[A-Z_]*\)=.*/\1/p' examples/*/example.env | sort -u)
  ok make help ALL=1
  local plain=$output
  ok env "${nonsense[@]}" make help ALL=1
  is "$output" "$plain" 'make help ALL=1'
  ok make env
  has_not EXAMPLE_
  start stack env "${nonsense[@]}" make ex2 SERVERS=1
  within 90 grep -q 'ready in .* make submit NAME=Agrajag' "$stack_log"
  ok env "${nonsense[@]}" make submit
  has 'Hello, Marvin!'
  ok env "${nonsense[@]}" make check
  has 'every promise holds'
}

@test "an example that is not there is one line, which names those that are" {
  refused 'there are 1, 2, 3, 4, 5, 6' make ex9
  refused 'there are 1, 2, 3, 4, 5, 6' make ex07
  refused "there is no example '7x'" make ex7x
  refused "there is no example EX='9'" make code EX=9
  refused 'make setup EX=all' make setup EX=9
  refused 'make check EX=2' make check EX=9
  refused 'make demo EX=2' make demo EX=9
}
