# shellcheck shell=bash
# The settings of example 4: their defaults and checks. scripts/env.sh reads it, which explains the lines `##`.

# An address that is given is used as it is, and may hold a password.
## REDIS_URL, SMTP_URL=the kit's own: example 4: another user store, mail server
#: `redis://…`, and `smtp://…` or `smtps://…`; best in `.env`.
derive REDIS_URL "redis://127.0.0.1:$REDIS_PORT"
derive SMTP_URL "smtp://127.0.0.1:$SMTP_PORT"
case $REDIS_URL in redis://?* | rediss://?*) ;; *) fail 'REDIS_URL is not the address of a Redis server' 'make ex4 REDIS_URL=redis://host:6379 (none: the kit starts one)' ;; esac
case $SMTP_URL in smtp://?* | smtps://?*) ;; *) fail 'SMTP_URL is not the address of a mail server' 'make ex4 SMTP_URL=smtp://host:25 (none: the kit starts one)' ;; esac
OWN_REDIS=$([ "$REDIS_URL" != "redis://127.0.0.1:$REDIS_PORT" ] || printf 1)
derive MARKETING_URL "http://127.0.0.1:$MARKETING_PORT"
derive MARKETING_PAGE "$MARKETING_URL" # for people: in Docker the tasks have another address
derive INBOX_URL "http://127.0.0.1:$INBOX_PORT"
export OWN_REDIS MARKETING_DB=$WORKSHOP_HOME/marketing.db MAIL_FOLDER=$WORKSHOP_HOME/mail
## FAIL_RATE=0.2: the share of requests that example 4's services fail
#: On purpose; these are the mailbox and marketing.
FAIL_RATE=${FAIL_RATE:-0.2}
[[ $FAIL_RATE =~ ^(0|1|0?\.[0-9]+|[01]\.0+)$ ]] || fail "FAIL_RATE='$FAIL_RATE' is not a share from 0 to 1" 'make ex4 FAIL_RATE=0.2'
export FAIL_RATE
