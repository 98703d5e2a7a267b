#!/usr/bin/env bash
# Checks this machine, a line each with the remedy. Exit 1 if something must be fixed. Needs no set-up, changes nothing.
# ✓ fine   ! worth knowing, or needed by a later example only   ✗ must be fixed
# Its last line is a code of what it found. CODES=FILE reads such codes, a line `name code` each, and says who is not ready.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
PATH=$SYSTEM_PATH
if ! python=$(find_any_python); then # the one finding that needs no Python, in the words of workshop_kit/machine.py
  cat <<'TEXT'
✗ no Python 3.11 to 3.14 on the PATH
    sudo apt install python3 python3-venv; on macOS: brew install python@3.13; or PYTHON=/path/to/python3.x
! the rest was not looked at, for that needs a Python
1 finding(s) must be fixed
code: 0000-0101 (for the instructor: what was found, and nothing else)
TEXT
  exit 1
fi
export WORKSHOP_SYSTEM_PATH=$SYSTEM_PATH WORKSHOP_BASH=$BASH_VERSION WORKSHOP_LEFT_OUT=${NOWHERE:-} WORKSHOP_IGNORED WORKSHOP_DOTENV_LOSES=$DOTENV_LOSES
exec "$python" -S -P -m workshop_kit.doctor
