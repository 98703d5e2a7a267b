#!/usr/bin/env bash
# Writes the tables of docs/COMMANDS.md again: the commands from the comments in the Makefile, the variables from those in
# env.sh and example.sh. Needs no set-up, only some Python 3.
#
#   scripts/docs.sh [--check]     --check: writes nothing; exit 1 if a table is out of date
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
command -v python3 >/dev/null 2>&1 || fail 'there is no python3 on the PATH' 'make doctor (it says how to install one)'
cd "$KIT/scripts/pythonpath" && exec python3 -m workshop_kit.commands.docs "$@"
