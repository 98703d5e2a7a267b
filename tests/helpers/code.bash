# shellcheck shell=bash
# What the files about a learner's code share beyond base.bash; code_live.bats has a stack of its own instead.
# `my` is made in a copy of the kit, in a folder with a space, so that nothing of the developer's is touched; CODE names it.

setup_file() {
  COPY="$BATS_FILE_TMPDIR/a kit"
  copy_kit "$COPY"
  lend_packages "$COPY"
  export COPY MY="$COPY/my"
}
setup() { own_kit; }
teardown() {
  stop_and_check
  rm -rf "$MY"
}

# COMMAND... -> as it is typed in the copy
THERE=(bash -c 'cd "$COPY" && exec "$@"' _)
# EX -> the example as somebody has written it who is through: the skeleton, and make solve APPLY=1
written() {
  "${THERE[@]}" make -s code EX="$1" >/dev/null
  "${THERE[@]}" make -s solve EX="$1" APPLY=1 >/dev/null
  rm -rf "$MY/ex$1.1"
}
# FILE FROM TO -> what stands in the learner's file is exchanged; it must have been there
exchange() {
  "$PYTHON_OF_TESTS" - "$@" <<'PY'
import pathlib, sys
path, old, new = sys.argv[1:]
text = pathlib.Path(path).read_text()
assert old in text, (old, text)
pathlib.Path(path).write_text(text.replace(old, new))
PY
}
# EX FOLDER -> the kit says nothing about that code
unaccused() {
  ok scripts/py.sh learners.mistakes "$@"
  is "$output" '' 'what the kit says about the code'
}
