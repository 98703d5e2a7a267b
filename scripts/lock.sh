#!/usr/bin/env bash
# Resolves pyproject.toml into requirements/*.txt, and each example's requirements.in beside itself: every version, with hashes, for every platform and Python, and with no
# address. Needs the network. The test tools agree with what the kit runs on.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
pass_outside
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
command -v uv >/dev/null || set_up core
uv=$(find_uv "$tools")
cd "$KIT"
resolve() { # GROUP OPTION... -> its lock
  local lock
  lock=$(lock_of "$1") lock=${lock#"$KIT/"}
  shift
  say "$lock"
  "$uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
    "$@" --output-file "$lock"
}
resolve core pyproject.toml
# Several are installed at once, so each agrees with those before it.
before=(--constraint requirements/core.txt)
for source in examples/ex*/requirements.in; do
  group=${source#examples/} group=${group%%_*}
  resolve "$group" "$source" "${before[@]}"
  before+=(--constraint "${source%.in}.txt")
done
resolve local-llm --group local-llm --no-deps # a file and a library: what the wheels ask for besides is not used
resolve dev --group dev "${before[@]}"
resolve peers --group peers "${before[@]}"
resolve uv --group uv
# What make new writes: the versions that the kit is tested with, and no word about where this folder is.
say 'template/requirements.txt, requirements-dev.txt'
for_project() { # FILE OPTION...
  (cd template && "$uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url "${@:2}" --output-file "$1")
}
for_project requirements.txt pyproject.toml --constraint ../requirements/core.txt
for_project requirements-dev.txt --group dev --constraint requirements.txt --constraint ../requirements/dev.txt
if grep -nE 'https?://' requirements/*.txt examples/*/requirements.txt template/requirements*.txt >&2; then
  fail 'a lock names an address' 'git checkout requirements examples'
fi
