# shellcheck shell=bash
# The settings of example 7: their defaults and checks. scripts/env.sh reads it, which explains the lines `##`.

## LEASE_SECONDS=20: example 7: after so long a silent machine's runs move
LEASE_SECONDS=${LEASE_SECONDS:-20}
[[ $LEASE_SECONDS =~ ^[0-9]{1,4}(\.[0-9]+)?$ ]] || fail "LEASE_SECONDS='$LEASE_SECONDS' is not a number of seconds" "make ex7 LEASE_SECONDS=20"
## STORAGE=a folder: example 7: a storage block of Prefect's, as s3-bucket/name
[ -z "${STORAGE:-}" ] || [[ $STORAGE =~ ^[a-z0-9-]+/[A-Za-z0-9_-]+$ ]] ||
  fail "STORAGE='$STORAGE' is no block of Prefect's" 'make ex7 STORAGE=s3-bucket/name (none: a folder)'
export LEASE_SECONDS PLAIN_STORAGE=${STORAGE:-$WORKSHOP_HOME/port/storage}
[ -z "${STORAGE:-}" ] || export STORAGE
