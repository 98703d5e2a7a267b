#!/usr/bin/env bats
# What a person's shell and machine carry does not count: the kit does the same with it as without.
# bats file_tags=shell

load helpers

setup() { own_kit; }
teardown() { stop_and_check; }

# In front of a command: a shell that carries all of this, has no HOME, is careful with files and poor in them. (bash would warn.)
from_such_a_shell=(
  env -u HOME
  CDPATH=/tmp:/usr BASH_ENV=/nowhere/file GREP_OPTIONS=-v SHELLOPTS=noclobber:noglob
  PYTHONSAFEPATH=1 PYTHONINSPECT=1 PYTHONIOENCODING=ascii PYTHONWARNINGS=error PYTHONOPTIMIZE=2
  PYTHONSTARTUP=/nowhere/file.py PYTHONPATH=/nowhere
  PIP_USER=1 PIP_TARGET=/nowhere PIP_PREFIX=/nowhere PIP_DRY_RUN=1 PIP_REQUIRE_VIRTUALENV=1
  UV_CONFIG_FILE=/nowhere/uv.toml UV_INDEX_URL=http://127.0.0.1:9/simple UV_PYTHON=2.7
  ALL_PROXY=socks5://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9
  LC_ALL=xx_YY TZ=Asia/Kathmandu TERM=dumb
  EMAIL=me@example.org NAME=Eddie
  'BASH_FUNC_cd%%=() { false; }' 'BASH_FUNC_ls%%=() { false; }' 'BASH_FUNC_grep%%=() { false; }'
  sh -c 'umask 077; ulimit -n 256; exec "$@"' _
)

@test "all of it at once: help, doctor, ex1, ex2, submit, stop are as ever" {
  local help doctor
  help=$(make help)
  is "$("${from_such_a_shell[@]}" make help 2>&1)" "$help" 'make help'
  doctor=$(make doctor 2>&1 | grep -c '✗' || true)
  is "$("${from_such_a_shell[@]}" make doctor 2>&1 | grep -c '✗' || true)" "$doctor" 'findings of make doctor'
  ok "${from_such_a_shell[@]}" make ex1
  has 'Hello, Marvin!'
  start shell_stack "${from_such_a_shell[@]}" make ex2 SERVERS=1
  within 60 grep -q '^ready in' "$shell_stack_log"
  ok "${from_such_a_shell[@]}" make submit NAME=Zoë
  has 'Hello, Zoë!'
  ok "${from_such_a_shell[@]}" make submit
  has 'Hello, Marvin!'
  ok "${from_such_a_shell[@]}" make stop
  never grep -qE 'Traceback|setlocale|warning' "$shell_stack_log"
}
