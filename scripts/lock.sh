#!/usr/bin/env bash
# Resolves pyproject.toml into requirements/*.txt: every version, with hashes, for every platform and Python, and with no
# address. Needs the network. The test tools agree with what the kit runs on.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
command -v uv >/dev/null || "$KIT/scripts/setup.sh" core
uv=$(find_uv "$tools")
cd "$KIT"
resolve() { # NAME OPTION... -> requirements/NAME.txt
  local name=$1
  shift
  say "requirements/$name.txt"
  "$uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
    "$@" --output-file "requirements/$name.txt"
}
resolve core pyproject.toml
# Several are installed at once, so each agrees with those before it.
resolve ex4 --group ex4 --constraint requirements/core.txt
resolve ex5 --group ex5 --constraint requirements/core.txt --constraint requirements/ex4.txt
resolve local-llm --group local-llm --no-deps # a file and a library: what the wheels ask for besides is not used
resolve dev --group dev --constraint requirements/core.txt --constraint requirements/ex4.txt
resolve room --group room --constraint requirements/core.txt
resolve peers --group peers --constraint requirements/core.txt --constraint requirements/ex4.txt
resolve uv --group uv
# What make new writes: the versions that the kit is tested with, and no word about where this folder is.
say 'template/requirements.txt, requirements-dev.txt'
for_project() { # FILE OPTION...
  (cd template && "$uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url "${@:2}" --output-file "$1")
}
for_project requirements.txt pyproject.toml --constraint ../requirements/core.txt
for_project requirements-dev.txt --group dev --constraint requirements.txt --constraint ../requirements/dev.txt
if grep -nE 'https?://' requirements/*.txt template/requirements*.txt >&2; then fail 'a lock names an address' 'git checkout requirements'; fi
