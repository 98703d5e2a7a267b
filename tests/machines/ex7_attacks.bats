#!/usr/bin/env bats
# Example 7, attacked: by strangers, and by somebody who holds the code. Nothing is imported or executed on any machine, a
# run that carries an attack fails with a sentence, and the next run works.
# bats file_tags=ex7,long

load ../helpers/base
load ../helpers/machines

setup_file() {
  export LOG_DIR=$BATS_FILE_TMPDIR TRACE=$BATS_FILE_TMPDIR/trace KEY=ex7.greet-1
  machines a b c
  # A module that both task servers could import, and that leaves a trace when they do.
  local name
  for name in a b; do
    printf 'import pathlib\npathlib.Path(%s).touch()\ndef decode(thing): return thing\nThing = dict\nloads = dumps = decode\n' "'$TRACE'" \
      >"$(folder_of $name)/examples/ex7_many_machines/leaves_a_trace.py"
  done
  start_on_a SERVERS=1 WORK_SECONDS=0
  start_on b WORK_SECONDS=0
}
teardown_file() { stop_machines; }

# RUN-ID -> "TYPE message" of its state
state_of() { api "/task_runs/$1" | json 'd["state"]["type"] + " " + (d["state"]["message"] or "")'; }
# RUN-ID -> true if no task server runs it: it has failed; or it has a parameter that none knows, and waits for one that does
is_not_run() { state_of "$1" | grep -q '^FAILED its parameters may not travel\|^SCHEDULED It is of another version of the task'; }
next_run_works() {
  local name
  for name in a b; do
    ok "$ON/$name" make submit-map N=12
    has '12 of 12 runs completed'
  done
}

@test "with the code in hand: pickles, classes, decoders, 50 MB, nesting, as parameters, result, state, event, block" {
  local what status run files=$BATS_TEST_TMPDIR/files
  mkdir "$files"
  attack() { "$ON/c" PYTHONPATH="$KIT_PYTHONPATH" "${PROCESS[@]}" limit 120 "$PYTHON_OF_TESTS" "$KIT/tests/machines/attacks.py" 10.99.0.1:4243 "$(code)" leaves_a_trace "$KEY" "$files" "$@"; }
  attack >"$BATS_TEST_TMPDIR/attacks"
  compare "$(wc -l <"$BATS_TEST_TMPDIR/attacks")" -ge 90 'lines of the attacks'
  # What the port has refused, put into the storage itself.
  compare "$(find "$files" -type f | wc -l)" -ge 16 'files of the attacks'
  cp "$files"/* "$(home_of a)/port/storage/parameters/"
  attack submit >"$BATS_TEST_TMPDIR/runs"
  while IFS=$'\t' read -r what status run; do
    case $what in
      'parameters: an unknown parameter' | 'parameters: another type' | 'parameters: __class__ as a plain value')
        is "$status" 204 "$what" # plain JSON; the signature has something against it
        echo "$run" >>"$BATS_TEST_TMPDIR/runs"
        ;;
      parameters:*)
        case $status in 413 | 422) ;; *) fail_with "$what: $status" ;; esac
        echo "$run" >>"$BATS_TEST_TMPDIR/runs"
        ;;
      result:* | body:*) case $status in 413 | 422) ;; *) fail_with "$what: $status" ;; esac ;;
      'a compressed body') is "$status" 415 "$what" ;;
      'twice: what is '* | 'twice: a result is '*) is "$status" False "$what" ;;
      twice:*) is "$status" 2 "$what" ;;
      key:*) is "$status" True "$what" ;;
      path:*) case $status in 403 | 404 | 422) ;; *) fail_with "$what: $status" ;; esac ;;
      'created with: '* | 'set to: '* | records:*) is "$status" 422 "$what" ;;
      'event: a plain one'*) is "$status" open "$what" ;;
      event:*) grep -q '1008\|1009' <<<"$status" || fail_with "$what: $status" ;;
      closed:* | exchanged:*) is "$status" 403 "$what" ;;
      *) fail_with "an unknown attack: $what" ;;
    esac
  done <"$BATS_TEST_TMPDIR/attacks"
  compare "$(wc -l <"$BATS_TEST_TMPDIR/runs")" -ge 30 'runs with an attack'
  while read -r run; do within 30 is_not_run "$run" || fail_with "run $run is $(state_of "$run")"; done <"$BATS_TEST_TMPDIR/runs"
  not_there "$TRACE"
  next_run_works
  not_there "$TRACE"
}

@test "a result that somebody has exchanged in the storage is read by no machine" {
  local name file
  for name in a b; do
    start submit "$ON/$name" make submit WORK_SECONDS=0
    within 20 gone "$submit_pid"
    grep -q 'Hello, Marvin' "$submit_log"
  done
  # All results are exchanged; then somebody asks for one.
  while read -r file; do
    printf '{"metadata": {"storage_key": "%s", "serializer": {"type": "pickle", "picklelib": "leaves_a_trace"}}, "result": "x"}' "${file##*/}" >"$file"
  done < <(find "$(home_of a)/port/storage" -maxdepth 1 -type f)
  for name in a b; do
    try "$ON/$name" "$PYTHON_OF_TESTS" "$KIT/tests/machines/read_result.py" "$(folder_of "$name")"
    has 'NotPlain: its serializer is another one than plain'
  done
  not_there "$TRACE"
}

# N -> so many of them, with and without a session
hostile_requests() {
  LIMIT_S=500 ok "$ON/c" PYTHONPATH="$KIT_PYTHONPATH" "$PYTHON_OF_TESTS" "$KIT/tests/machines/hostile.py" 10.99.0.1:4243 "$(code)" "$1"
  has "$1 requests"
  is "$("$ON/c" curl -sk https://10.99.0.1:4243/api/health)" true 'its health'
  is "$(find "$(home_of a)/port" -name '.new-*' -o -name '*.new' | wc -l | tr -d ' ')" 0 'half-written files'
  never grep -q 'server.1 was killed\|server.1 ended\|Traceback' "$stack_log"
  next_run_works
}

@test "a thousand random and hostile requests: it lives, nothing half-written stays, and runs go on" {
  hostile_requests 1000
}

@test "ten thousand of them" {
  hostile_requests 10000
}
