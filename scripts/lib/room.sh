# shellcheck shell=bash
# The instructor's room, and a learner's kit in it (workshop_kit/in_room.py), before and during the set-up, too.

room_is_open() { # true while make room is open in this WORKSHOP_HOME
  [ -e "$WORKSHOP_HOME/room/open" ] && ask_state lives "$WORKSHOP_HOME/room/open" >/dev/null
}

in_room() { # WORD -> workshop_kit/learners/reporting.py WORD, in this process
  local python
  python=$(any_python) || exit
  exec "$python" -S -P -m workshop_kit.learners.reporting "$1"
}

detached() { # WORD -> reporting.py WORD in a process of its own, for which nobody waits, and which says nothing here
  (
    (python=$(find_any_python) && exec "$python" -S -P -m workshop_kit.learners.reporting "$1") </dev/null >/dev/null 2>&1 &
  )
}

example_meant() { # -> the example that a command is about; nothing if it is about none
  case $WORKSHOP_GOAL in
    ex[0-9]*) printf '%s' "${WORKSHOP_GOAL#ex}" ;;
    *) if [ -n "${EX:-}" ]; then printf '%s' "$EX"; elif read_example; then printf '%s' "$running_ex"; fi ;;
  esac
}

report_to_room() { # if this kit is in a room: where it is; and what was left while it did not answer is told
  if [ ! -f "$WORKSHOP_HOME/in-room/joined.json" ] && [ ! -d "$WORKSHOP_HOME/leaving" ]; then return 0; fi
  [ -z "${WORKSHOP_REPORTED:-}" ] || return 0
  case ${WORKSHOP_GOAL:-} in '' | help | env | room | join | leave | stuck | tour | test* | lint) return 0 ;; esac
  export WORKSHOP_REPORTED=1 # one command of a person's is many scripts
  if [ -f "$WORKSHOP_HOME/in-room/joined.json" ]; then REPORT_EX=$(example_meant) detached place; fi
  # make server does it itself, before it joins.
  if [ -d "$WORKSHOP_HOME/leaving" ] && [ "$WORKSHOP_GOAL" != server ]; then detached left; fi
}
