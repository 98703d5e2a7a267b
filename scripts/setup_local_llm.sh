#!/usr/bin/env bash
# Installs the small language model and llama.cpp, which runs it, and tries whether that works on this machine.
# 200 MB in .venv. The example that asks a model uses it then, where there is no key.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
ex=$(first_example_with MODEL)
set_up "$(example "$ex" PACKAGES)"
set_up local-llm
model=$(LLM=local "$VENV/bin/python" "$(finished_folder "$ex")/models.py")
if [ "$model" = local ]; then say "the local model works on this machine: make ex$ex LLM=local"; fi
