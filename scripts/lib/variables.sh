# shellcheck shell=bash
# The names of the variables that people set: the Makefile has the list, and an example's folder those of its own.

settings() { # -> those that say how the kit works here, on one line
  printf '%s %s\n' "$(sed -n 's/^SETTINGS := //p' "$KIT/Makefile")" "$(own_ports | cut -d ' ' -f 2 | tr '\n' ' ') $(own_variables)"
}

variables_of_one_command() { sed -n 's/^OF_ONE_COMMAND := //p' "$KIT/Makefile"; } # -> what one command alone is told

every_variable() { # -> all of them, on some lines: one sed, because each command asks it
  sed -nE 's/^(SETTINGS|OF_ONE_COMMAND) := //p; s/^EXAMPLE_OWN_PORTS=//p; /^## [A-Z_, ]+=/{s/^## //; s/=.*//; s/,//g; p;}' \
    "$KIT/Makefile" "$KIT"/examples/ex[0-9]*_*/{example.env,settings.sh} 2>/dev/null | sed 's/=[^ ]*//g'
}

own_variables() { # -> those of the examples' settings.sh, on one line: its lines `## NAME, NAME=default: …`
  sed -n 's/^## \([A-Z_, ]*\)=.*/\1/p' "$KIT"/examples/ex[0-9]*_*/settings.sh | tr ',\n' '  '
}
