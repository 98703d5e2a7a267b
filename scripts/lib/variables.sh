# shellcheck shell=bash
# The names of the variables that people set: the Makefile has the list.

settings() { sed -n 's/^SETTINGS := //p' "$KIT/Makefile"; } # -> those that say how the kit works here, on one line

variables_of_one_command() { sed -n 's/^OF_ONE_COMMAND := //p' "$KIT/Makefile"; } # -> what one command alone is told
