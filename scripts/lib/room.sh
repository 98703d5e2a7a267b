# shellcheck shell=bash
# The instructor's room, and a learner's kit in it (workshop_kit/in_room.py), before and during the set-up, too.

room_is_open() { # true while make room is open in this WORKSHOP_HOME
  local pid started
  { read -r pid started _ <"$WORKSHOP_HOME/room/open"; } 2>/dev/null || [ -n "${started:-}" ] || return 1
  is_alive "$pid" "$started"
}

room_python() { # -> a Python that can speak to a room: that of the set-up, or one it could be made from; fails without one
  local name
  for name in "$VENV/bin/python" python3.14 python3.13 python3.12 python3.11 python3; do
    if "$name" -S -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s' "$name"
      return 0
    fi
  done
  return 1
}

in_room() { # WORD -> workshop_kit/learners/telling.py WORD, in this process
  local python
  python=$(PATH=$SYSTEM_PATH room_python) || fail "no Python 3.11 to 3.14 on the PATH" 'make doctor'
  exec "$python" -S -P -m workshop_kit.learners.telling "$1"
}

detached() { # WORD -> telling.py WORD in a process of its own, for which nobody waits, and which says nothing here
  (
    (python=$(PATH=$SYSTEM_PATH room_python) && exec "$python" -S -P -m workshop_kit.learners.telling "$1") </dev/null >/dev/null 2>&1 &
  )
}

example_meant() { # -> the example that a command is about; nothing if it is about none
  case $WORKSHOP_GOAL in
    ex[0-9]*) printf '%s' "${WORKSHOP_GOAL#ex}" ;;
    *) if [ -n "${EX:-}" ]; then printf '%s' "$EX"; elif read_example; then printf '%s' "$running_ex"; fi ;;
  esac
}

tell_room() { # if this kit is in a room: where it is
  if [ ! -f "$WORKSHOP_HOME/in-room/joined.json" ] || [ -n "${WORKSHOP_TOLD:-}" ]; then return 0; fi
  case ${WORKSHOP_GOAL:-} in '' | help | env | room | join | leave | stuck | tour | test* | lint) return 0 ;; esac
  export WORKSHOP_TOLD=1 # one command of a person's is many scripts
  TELL_EX=$(example_meant) detached tell
}

tell_found() { # NUMBER NUMBERS -> if this kit is in a room: the first thing that make doctor has found (0: none), and what is ✓ now
  if [ ! -f "$WORKSHOP_HOME/in-room/joined.json" ]; then return 0; fi
  (umask 077 && printf '%s' "$1" >"$WORKSHOP_HOME/in-room/found") 2>/dev/null || return 0
  TELL_HELD=$2 detached held
}
