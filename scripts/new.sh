#!/usr/bin/env bash
# Writes a project of your own, which stands without the kit: see workshop_kit/commands/new.py.
#
# DIR=…    the folder: not there yet, or empty, and not in the kit
# NAME=…   the project's Python name (default: the folder's name)
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
kit commands.new look
set_up core
exec "$VENV/bin/python" -P -m workshop_kit.commands.new write
