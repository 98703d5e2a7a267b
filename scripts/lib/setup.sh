# shellcheck shell=bash
# Whether the packages of a group are installed as they are locked. Each command asks that, and only setup.sh, which takes
# an environment of its own, installs them.

STAMPS=$KIT/.venv/workshop              # what is installed, a file a group
DATABASE_TEMPLATE=$STAMPS/prefect.db    # Prefect's database, migrated
CERTIFICATE=$STAMPS/one-certificate.pem # see env.sh

set_up() { # GROUP -> installs it, unless it is installed
  is_set_up "$1" || "$KIT/scripts/setup.sh" "$1"
}

set_up_packages() { # GROUP -> the same without the database, for what only looks at files
  has_packages "$1" || "$KIT/scripts/setup.sh" "$1" packages
}

has_packages() { is_installed core && is_installed "$1" && [ -f "$CERTIFICATE" ] && same_python; } # GROUP
is_set_up() { has_packages "$1" && database_is_made; }                                             # GROUP

stamp_of() { # GROUP -> what its stamp must say: this lock, in this folder (scripts in .venv name it)
  printf '%s %s' "$(cksum <"$(lock_of "$1")")" "$KIT"
}
stamp_of_database() { # -> what the stamp of the database must say
  printf '%s %s' "$(cksum <"$KIT/scripts/pythonpath/workshop_kit/launch/prepare_database.py")" "$(stamp_of core)"
}
is_installed() { [ -x "$VENV/bin/python" ] && [ "$(cat "$STAMPS/$1" 2>/dev/null)" = "$(stamp_of "$1")" ]; } # GROUP
database_is_made() { [ -f "$DATABASE_TEMPLATE" ] && [ "$(cat "$STAMPS/database" 2>/dev/null)" = "$(stamp_of_database)" ]; }

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; } # PYTHON -> 3.13
same_python() {                                                                           # true unless PYTHON= asks for another version than .venv has
  [ -z "${PYTHON:-}" ] || [ "$(version_of "$VENV/bin/python")" = "$(PATH=$SYSTEM_PATH && version_of "$PYTHON")" ]
}
