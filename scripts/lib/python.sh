# shellcheck shell=bash
# A Python for what decides, before the set-up, too: the kit's modules that need nothing but the standard library.

find_any_python() { # -> that of the set-up, or one that it could be made from; false if there is none
  local name
  if [ -x "$VENV/bin/python" ] && [ -e "$STAMPS/core" ]; then # the set-up has run it
    printf '%s' "$VENV/bin/python"
    return 0
  fi
  for name in "$VENV/bin/python" ${PYTHON:+"$PYTHON"} python3.14 python3.13 python3.12 python3.11 python3; do
    # It must say so: a shim, or another program, may exit 0 all the same.
    if [ "$(PATH=$SYSTEM_PATH "$name" -S -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null)" = True ]; then
      PATH=$SYSTEM_PATH command -v "$name"
      return 0
    fi
  done
  return 1
}

any_python() { # the same, or one line why not
  find_any_python || fail 'no Python 3.11 to 3.14 on the PATH' 'make doctor'
}

kit() { # PACKAGE.NAME ARGUMENT... -> runs that module of workshop_kit with the standard library alone
  local python
  python=$(any_python) || exit
  "$python" -S -P -m "workshop_kit.$1" "${@:2}"
}
