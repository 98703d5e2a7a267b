# shellcheck shell=bash
# Which variables of the person's shell reach which process: sourced by env.sh, which calls sort_environment.
# scripts/environment.txt has the lists. What reaches only some is set aside, as WORKSHOP_THEIRS_NAME, which steers no
# program, and which workshop_kit/theirs.py gives back to the learner's code.

read_lists() { # -> LIST_kit, LIST_outside, LIST_nowhere: each a regular expression of names
  local line list=
  LIST_kit='' LIST_outside='' LIST_nowhere=''
  while IFS= read -r line; do
    case $line in
      '' | '#'*) ;;
      '['*) list=LIST_${line//[][]/} ;;
      *) printf -v "$list" '%s' "${!list:+${!list}|}${line/\*/.*}" ;;
    esac
  done <"$KIT/scripts/environment.txt"
}

sort_environment() { # sets aside what is not for the kit, and unsets what is for nobody; NOWHERE: those that it has unset
  local name names always=$LIST_kit
  if [ -n "${PASS_ENV:-}" ] && [[ ! $PASS_ENV =~ ^[[:space:]A-Za-z0-9_*]+$ ]]; then
    fail "PASS_ENV='$PASS_ENV' is not a list of names" "make … PASS_ENV='AWS_* PGSSLMODE'"
  fi
  names="$(every_variable) ${PASS_ENV:-}"
  set -f # a * is one in a name here, and no file
  for name in $names; do always="$always|${name//\*/.*}"; done
  set +f
  NOWHERE=
  # One grep: for bash itself that list is slow, a name at a time.
  for name in $(compgen -e | grep -vxE "$always"); do
    if [[ $name =~ ^($LIST_nowhere)$ ]]; then
      case $name${WORKSHOP_SETS:-} in PYTHON*' '* | PIP_USER?*) ;; *) NOWHERE="$NOWHERE $name" ;; esac # the kit's own, in make shell
    elif leads_somewhere "$name" "${!name}"; then
      export "WORKSHOP_THEIRS_$name=${!name}"
    fi
    unset "$name"
  done
}

leads_somewhere() { # NAME VALUE -> false for certificates that are not there, and for a proxy that httpx cannot use
  case $1 in
    SSL_CERT_FILE | SSL_CERT_DIR | REQUESTS_CA_BUNDLE | CURL_CA_BUNDLE)
      [ -d "$2" ] || begins_with_certificate "$2" || { export WORKSHOP_NO_CERTIFICATES="$1=$2" && return 1; }
      ;;
    UV_CONFIG_FILE) [ -r "$2" ] ;;
    SSLKEYLOGFILE) (: >>"$2") 2>/dev/null ;; # of a browser's developer; every TLS context would fail
    *_PROXY | *_proxy)
      # With a SOCKS proxy httpx, which Prefect uses, cannot even ask this machine. The set-up gets it back.
      case $2 in socks*) export WORKSHOP_SOCKS=$2 && return 1 ;; esac
      ;;
  esac
}

begins_with_certificate() { # FILE, after comments
  local start=
  IFS= read -r -d '' -n 4000 start 2>/dev/null <"$1"
  [[ $start == *'BEGIN '*CERTIFICATE* ]]
}

pass_outside() { # for what leaves this machine: proxies, certificates and the like as the person's shell has them
  [ -z "${WORKSHOP_NO_CERTIFICATES:-}" ] ||
    fail "${WORKSHOP_NO_CERTIFICATES%%=*} names certificates that are not there: ${WORKSHOP_NO_CERTIFICATES#*=}" "unset ${WORKSHOP_NO_CERTIFICATES%%=*}, or set it to a file that exists"
  give_back "$LIST_outside"
}

give_back() { # [NAMES] -> what was set aside is back, or what of it matches that regular expression
  local aside name
  for aside in $(compgen -e WORKSHOP_THEIRS_); do
    name=${aside#WORKSHOP_THEIRS_}
    [[ $name =~ ^(${1:-.*})$ ]] || continue
    [ -n "${!name+set}" ] || export "$name=${!aside}"
    unset "$aside"
  done
}
