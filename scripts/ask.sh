#!/usr/bin/env bash
# Asks the running example 5 a question, with the lesson's own ask.py.
#
# Q=…   the question, exactly as typed; - reads standard input
# Exit 0: answered; 1: failed; 2: bad input, or example 5 is not running; 3: the server is away.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
name_ignored_settings
case ${Q:-} in *[![:space:]]*) ;; *) fail 'Q is empty' "make ask Q='What is the meaning of life?'" ;; esac
read_example && [ "$running_ex" = 5 ] || fail 'make ask talks to example 5, which is not running' 'make ex5 (in another terminal)'
"$KIT/scripts/setup.sh" core
exec "$VENV/bin/python" "$KIT/examples/ex5_marvin/ask.py" -- "$Q"
