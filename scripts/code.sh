#!/usr/bin/env bash
# Code along: a folder of your own, my/exN, that begins as a skeleton of example N with numbered steps.
#
#   scripts/code.sh code      make code EX=2: the skeleton; never over anything that is there
#   scripts/code.sh solve     make solve EX=2: the difference to the finished files; APPLY=1 takes them, and keeps a copy of yours
#   scripts/code.sh reset     make reset EX=2: the skeleton again; what was there is kept as my/ex2.1, my/ex2.2, …
#   scripts/code.sh catch-up  make catch-up EX=2 STEP=3: the files as they are after step 2.3; what was there is kept in the same way
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
what=$1
need_example "${EX:-}" "make $what EX=2" EX
APPLY=${APPLY:-0}
one_of APPLY 0 1
cd "$KIT"
finished=$(finished_folder "$EX")
finished=${finished#"$KIT/"}
mine=my/ex$EX

there() { [ -e "$1" ] || [ -L "$1" ]; }

lesson_files() { # -> the finished files that a learner's folder has too, a line each. Not what begins with a dot: keys
  (cd "$finished" && find . -type f ! -name '.*' ! -name README.md ! -name example.env ! -name steps.toml ! -path '*/__pycache__/*' | sed 's|^\./||' | sort)
}
to_write() { # -> the files that the learner writes, in the order of their steps
  example "$EX" WRITE | tr ' ' '\n'
}

take() { # FROM TO -> a copy in place at once: nobody who watches the file sees half of it
  mkdir -p "$(dirname "$2")"
  cp "$1" "$2.new" && mv -f "$2.new" "$2"
}

write_files() { # STEP -> my/exN as it is after that step; after 0 it is the skeleton. What was there is kept
  local file new=my/.ex$EX.new
  { mkdir -p my && rm -rf "$new" && mkdir "$new"; } 2>/dev/null || fail "cannot write to $KIT/my" 'a kit in a folder of your own'
  while IFS= read -r file; do take "$finished/$file" "$new/$file"; done < <(lesson_files)
  "$VENV/bin/python" -P -m workshop_kit.learners.steps "$EX" "$new" "$1" || { rm -rf "$new" && exit 2; }
  keep_what_was_there
  mv "$new" "$mine"
}

tell_steps() {
  printf 'to write, step by step:\n'
  while IFS= read -r file; do printf '  %s\n' "$mine/$file"; done < <(to_write)
  [ -z "$(comm -23 <(lesson_files) <(to_write | sort))" ] || printf 'finished already: the other files in %s\n' "$mine"
  printf 'next: make learn EX=%s (checks at every save), or make ex%s CODE=%s and make check EX=%s\n' "$EX" "$EX" "$mine" "$EX"
}

keep_what_was_there() {
  there "$mine" || return 0
  local kept
  kept=$(free_name)
  mv "$mine" "$kept"
  printf 'kept what you had: %s\n' "$kept"
}

free_name() { # -> my/exN.1, or the first that is not there yet
  local number=1
  while there "$mine.$number"; do number=$((number + 1)); done
  printf '%s' "$mine.$number"
}

need_mine() {
  [ -d "$mine" ] || fail "there is no folder $mine" "make code EX=$EX"
}

same() { # FILE -> whether the learner's has what the finished one has; an editor may end its lines as on Windows
  diff --strip-trailing-cr "$mine/$1" "$finished/$1" >/dev/null 2>&1
}

show_difference() { # fails if there is no difference
  local file bold='' plain='' found=''
  if [ -t 1 ] && [ "$TERM" != dumb ]; then bold=$'\033[1m' plain=$'\033[0m'; fi # what is to be written
  while IFS= read -r file; do
    same "$file" && continue
    found=yes
    { diff -uN --strip-trailing-cr -L "$mine/$file" -L "$finished/$file" "$mine/$file" "$finished/$file" || true; } |
      awk -v bold="$bold" -v plain="$plain" '/^\+/ { print bold $0 plain; next } { print }'
  done < <(lesson_files)
  [ -n "$found" ]
}

case $what in
  code)
    if there "$mine"; then fail "$mine is there already, and is not overwritten" "make reset EX=$EX (starts again, keeps a copy)"; fi
    "$KIT/scripts/setup.sh" core
    write_files 0
    tell_steps
    ;;
  reset)
    if ! there "$mine"; then fail "there is no $mine to start again from" "make code EX=$EX"; fi
    "$KIT/scripts/setup.sh" core
    write_files 0
    tell_steps
    ;;
  catch-up)
    [ -n "${STEP:-}" ] || fail 'which step? STEP is missing' "make catch-up EX=$EX STEP=1"
    "$KIT/scripts/setup.sh" core
    write_files "$STEP"
    printf 'the files as after step %s.%s: %s\n' "$EX" "${STEP#"$EX".}" "$mine"
    printf 'next: make learn EX=%s, or make ex%s CODE=%s\n' "$EX" "$EX" "$mine"
    ;;
  solve)
    need_mine
    if [ "$APPLY" = 0 ]; then
      show_difference || printf 'no difference: %s has what %s has\n' "$mine" "$finished"
      exit 0
    fi
    different=$(while IFS= read -r file; do same "$file" || printf '%s\n' "$file"; done < <(lesson_files))
    if [ -z "$different" ]; then
      printf 'nothing to take: %s has what %s has\n' "$mine" "$finished"
      exit 0
    fi
    kept=$(free_name)
    cp -R "$mine/" "$kept"
    printf 'kept what you had: %s\n' "$kept"
    while IFS= read -r file; do
      take "$finished/$file" "$mine/$file"
      printf 'taken: %s\n' "$mine/$file"
    done <<<"$different"
    printf 'next: make ex%s CODE=%s\n' "$EX" "$mine"
    ;;
esac
WORKSHOP_TOLD='' tell_room # the files are others now
