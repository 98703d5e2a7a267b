# shellcheck shell=bash
# The installer's resolver, for those who change what the kit is built on: scripts/lock.sh and scripts/canary.sh.

find_uv() { # FOLDER -> the path of uv: the one on the PATH, or the locked one, installed into that folder
  if command -v uv; then return; fi
  "$VENV/bin/python" -m venv "$1/venv"
  "$1/venv/bin/python" -m pip install -qq --require-hashes -r "$KIT/requirements/uv.txt"
  printf '%s\n' "$1/venv/bin/uv"
}
