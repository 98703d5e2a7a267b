# shellcheck shell=bash
# The settings of example 5: their defaults and checks. scripts/env.sh reads it, which explains the lines `##`.

# Marvin keeps every conversation in a database below its home; models.py gives each process one of its own.
export MARVIN_HOME_PATH=$WORKSHOP_HOME/marvin MARVIN_ENABLE_DEFAULT_PRINT_HANDLER=false
## ANSWER_SECONDS, CACHE_SECONDS=60, 60: example 5: patience with a model; age of an answer
#: How long a model behind an API may take for an answer; how long the same question has the same answer.
for name in ANSWER_SECONDS CACHE_SECONDS; do
  [[ ${!name:-1} =~ ^[0-9]{1,6}(\.[0-9]+)?$ ]] || fail "$name='${!name}' is not a number of seconds" "make ex5 $name=60"
done
