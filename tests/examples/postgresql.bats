#!/usr/bin/env bats
# DB=postgresql://…: the runs are on that server, and its password is nowhere.
# bats file_tags=database,long

load ../helpers/base

setup() { own_kit; }
teardown() {
  stop_and_check
  kill -TERM "${postgresql_pid:-}" 2>/dev/null && within 20 gone "$postgresql_pid" || true
}

@test "example 2 on PostgreSQL: submit, check, db; the password is in no file, log or message" {
  start postgresql "$PYTHON_OF_TESTS" tests/examples/postgresql.py
  # shellcheck disable=SC2154
  within 30 grep -q '^postgresql://' "$postgresql_log"
  DB=$(grep '^postgresql://' "$postgresql_log")
  export DB
  start_example 2 SERVERS=2
  ok make submit-map N=20
  has '20 of 20 runs completed'
  ok make check
  ok make db SQL='select count(*) from task_run'
  has '20'
  has_not hunter2
  refused 'read-only' make db SQL='delete from task_run'
  refused 'the same DB' env -u DB make db
  ok make env
  has_not hunter2
  not_there "$WORKSHOP_HOME/prefect/prefect.db"
  never grep -rq hunter2 "$WORKSHOP_HOME" "$stack_log"
}
