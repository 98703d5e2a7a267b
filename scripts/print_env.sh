#!/usr/bin/env bash
# Prints the kit's environment as `export` lines: eval "$(make env)" gives any shell what `make shell` gives.
set -euo pipefail
before=$(compgen -e | sort)
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
name_ignored_settings
compose_settings
settings=$(settings)
for name in $WORKSHOP_IGNORED $NOWHERE; do [ -n "${!name+set}" ] || printf 'unset %s\n' "$name"; done
for name in $(compgen -e | sort); do
  case $name in
    PREFECT_* | PATH | PYTHON* | NO_PROXY | no_proxy | DO_NOT_TRACK | VIRTUAL_ENV | WORKSHOP_* | KIT | VENV | RECORDS) ;;
    MARKETING_* | INBOX_* | MAIL_FOLDER | OWN_REDIS | COMPOSE_* | REMOTE_URL | MARVIN_* | REQUIREMENTS) ;;
    REDIS_URL | SMTP_URL) case " $WORKSHOP_DERIVED " in *" $name="*) ;; *) continue ;; esac ;; # may hold a password
    DB | WHEELS) continue ;;                                                                   # and so may these
    SECRET_*) [ -z "${!name}" ] || continue ;;
    *) case " $settings " in *" $name "*) ;; *) continue ;; esac ;;
  esac
  case $name in PREFECT_API_KEY | PREFECT_API_AUTH_STRING | WORKSHOP_IGNORED | WORKSHOP_THEIRS_*) continue ;; esac # a key stays where the user put it
  printf 'export %s=%q\n' "$name" "${!name}"
done
case $before in *PYTHONHOME*) printf 'unset PYTHONHOME\n' ;; esac
