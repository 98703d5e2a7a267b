#!/usr/bin/env bash
# The fast static checks: bash, Python, the Procfiles, the Makefile against the documents, the locks, what macOS lacks.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
set_up_packages dev
cd "$KIT"
shell_files=(scripts/*.sh examples/*/settings.sh scripts/lib/*.sh scripts/shellrc scripts/bin/* docker/*.sh tests/*/*.bash)
if [ -f .ci/run ]; then shell_files+=(.ci/run); fi
failed=0
check() { # WHAT COMMAND... -> runs it; says so if it fails
  local what=$1
  shift
  "$@" || {
    say "✗ $what"
    failed=1
  }
}

nothing_found() { # PATTERN FILE... -> fails, showing the lines, if a line matches (comments aside)
  ! grep -nE "$1" "${@:2}" | grep -vE '^[^:]*:[0-9]+: *#'
}

targets_documented() { # every `make x` in a document exists, here or in the project of make new
  local known name
  known=" $(examples | sed 's/^/ex/' | tr '\n' ' ')$(sed -n 's/^\([a-z][a-z0-9-]*\):.*/\1/p' Makefile template/Makefile | tr '\n' ' ')"
  while read -r name; do
    case $known in *" $name "*) ;; *)
      say "a document mentions make $name, which does not exist"
      return 1
      ;;
    esac
  done < <(grep -ohE '(^|`)(\$ )?make [a-z][a-z0-9-]*' ./*.md docs/*.md tests/README.md examples/*/README.md | sed 's/.*make //' | sort -u)
}

scripts_have_help() { # every script that a person may call answers -h, and does nothing else
  local file
  for file in scripts/*.sh; do
    case $file in scripts/env.sh) continue ;; esac
    [ -x "$file" ] && [ -n "$("$file" -h)" ] || {
      say "$file -h prints no help"
      return 1
    }
  done
}

not_of_make() { # no variable of the kit's is among those that make itself knows (AS, CC …): nobody would have set it
  local found
  found=$(comm -12 <(tr ' ' '\n' <<<"$(settings) $(variables_of_one_command)" | sort -u) <(
    env -i "$(command -v make)" -p -f /dev/null 2>/dev/null | awk '/^# (default|automatic)$/ { getline; print $1 }' | sort -u
  ))
  [ -z "$found" ] || { say "make has a variable of its own called $found" && return 1; }
}

types() { # strictly, of durable and of make new's project; the first time it reads Prefect, too: 16 s, once for both, and then 2
  local failed=0
  mypy --no-error-summary --cache-dir "$VENV/mypy" || failed=1
  MYPYPATH=template/src:durable/src mypy --config-file tests/lint/template_mypy.ini --no-error-summary --cache-dir "$VENV/mypy" template/src template/tests || failed=1
  return "$failed"
}

in_two() { # FILE... -- COMMAND... -> the command on the files, on two cores: shellcheck takes most of the time here
  local files=()
  while [ "$1" != -- ]; do files+=("$1") && shift; done
  shift
  printf '%s\0' "${files[@]}" | xargs -0 -n 10 -P 2 "$@"
}

types >"$VENV/types.log" 2>&1 & # meanwhile, for it takes longest
types_pid=$!
# 1091: it does not follow what a script sources, for that is looked at by itself, and once.
check 'shellcheck' in_two "${shell_files[@]}" -- shellcheck --exclude=SC2016,SC2154,SC1091
# 2030, 2031: each test is a subshell of its own, and means to be.
# 2016, 2154, 2034: `within` evaluates what stands in single quotes; `start` and `own_kit` set variables by name.
check 'shellcheck of the tests' in_two tests/*/*.bats -- shellcheck --external-sources --exclude=SC2016,SC2154,SC2034,SC2030,SC2031 --shell=bats
check 'shfmt' shfmt --indent 2 --case-indent --diff "${shell_files[@]}"
check 'ruff' ruff check --quiet scripts durable examples tests template
check 'ruff format' ruff format --quiet --diff scripts durable examples tests template
check 'hadolint' hadolint docker/Dockerfile template/Dockerfile
# What bash 3.2 and the tools of macOS do not have.
on_macos=(scripts/*.sh examples/*/settings.sh scripts/lib/*.sh scripts/bin/* scripts/shellrc tests/*/*.bash tests/*/*.bats)
check 'no bash 4' nothing_found '[d]eclare -A|[l]ocal -A|(local|declare) -[g]|(local|declare) -[n]|[m]apfile|[r]eadarray|\$\{[a-zA-Z_]+(,,|\^\^|@)|[&]>>|\|[&]([^&]|$)|[c]oproc|[B]ASHPID|[E]POCH(SECONDS|REALTIME)|[w]ait -n|\[ -[v] ' "${on_macos[@]}"
check 'no GNU only' nothing_found '[s]ed -i |[d]ate -d|%s%[N]|[r]eadlink -f|(^|[^p])[g]rep -P|(^|[^-a-z])[t]imeout [0-9]|[x]args -r|[s]tat -c|[c]p -a |[r]ealpath|[p]s [^|]*--sort' "${on_macos[@]}"
check 'no GNU only in sed and grep' nothing_found "(sed|grep) [^|]*\\\\[bwsd<>]|sed [^|]*'[0-9\$]+[iac] *[^\\\\ ]" "${on_macos[@]}"
# It says nothing when it fails, and before an && it does not fail: is, compare, there and not_there do (tests/helpers/base.bash).
check 'no bare [ in the tests' nothing_found '^ *\[\[? ' tests/*/*.bats
check "a line each for make's variables" nothing_found '^(SETTINGS|OF_ONE_COMMAND) :=.*[\\]$' Makefile # scripts/lib/variables.sh
# workshop_kit/processes.py and waiting.py do.
check 'no shell script looks at processes, or waits' nothing_found '/[p]roc/|(^|[^a-z_.-])[p]s -|[s]leep [0-9.]' scripts/*.sh scripts/lib/*.sh
check 'no .ONESHELL' nothing_found '^\.(ONESHELL|SHELLFLAGS)|\$\(file ' Makefile
check 'no address in the locks' nothing_found 'https?://' requirements/*.txt examples/*/requirements.txt template/requirements*.txt
check 'the targets and the documents' targets_documented
check 'docs/COMMANDS.md and the comments beside the code' scripts/docs.sh --check
check 'the links and the pictures of the documents' python3 tests/lint/links.py
check 'every command of the documents is typed by a test' python3 tests/lint/documented.py
check 'the files that comments name' python tests/lint/mentioned.py
check 'the folders of the tests and their table' python3 tests/lint/folders.py
check "the minutes of the instructor's plans" python3 tests/lint/plans.py
check 'help of the scripts' scripts_have_help
check 'the examples and their example.env' python3 tests/lint/examples_agree.py
check 'no colours on a terminal' python3 tests/lint/styles.py
check 'the lists of variables' python3 tests/lint/variables.py
check 'the steps of the examples' python -P tests/lint/steps.py >/dev/null
check 'the lines of the pages' python3 tests/lint/page_lines.py
check 'what others wrote is printable' python3 tests/lint/printing.py
check 'an imperative after Try:' python3 tests/lint/remedies.py
check 'who imports whom' python tests/lint/import_directions.py
check "no example's number in the code" python3 tests/lint/example_numbers.py
check "no variable of the kit is one of make's own" not_of_make
check 'types' wait "$types_pid"
cat "$VENV/types.log"
if [ "$failed" = 0 ]; then say 'lint is green'; else exit 1; fi
