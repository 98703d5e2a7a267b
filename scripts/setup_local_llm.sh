#!/usr/bin/env bash
# Installs the small model of example 5 and llama.cpp, which runs it, and tries whether that works on this machine.
# 200 MB in .venv. `make ex5` without a key uses it then.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
"$KIT/scripts/setup.sh" ex5
"$KIT/scripts/setup.sh" local-llm
model=$(LLM=local "$VENV/bin/python" "$KIT/examples/ex5_marvin/models.py")
if [ "$model" = local ]; then say 'the local model works on this machine: make ex5 LLM=local'; fi
