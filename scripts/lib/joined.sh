# shellcheck shell=bash
# Example 7 on another machine: what `make server AT=…` has joined, and `make leave` forgets. See workshop_kit/joined.py.

has_joined() { # true if this WORKSHOP_HOME has joined another machine, and no example of its own runs
  [ -f "$WORKSHOP_HOME/joined/joined.json" ] && ! read_example
}
