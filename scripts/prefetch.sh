#!/usr/bin/env bash
# Fetches everything that the workshop may need, for a venue with bad Wi-Fi: the packages of all examples, the small
# language model and, where a Docker engine runs, the images. Afterwards no example needs a network.
set -euo pipefail
# shellcheck source=scripts/env.sh
. "$(dirname "$0")/env.sh"
help_if_asked "$@"
pass_outside
for group in core $(packages_of_examples) local-llm; do set_up "$group"; done
if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
  make_home
  for ex in $(examples); do
    [ "$(example "$ex" DOCKER)" = 1 ] || continue
    compose_settings "$ex"
    REQUIREMENTS=$(example "$ex" PACKAGES)
    export LLM=canned REQUIREMENTS
    say "the images of example $ex"
    # These examples share the image's name, and the build's cache keeps what either needs.
    docker compose build --quiet >"$WORKSHOP_HOME/logs/docker-build.log" 2>&1 ||
      fail "the image of example $ex could not be built: $(tail -n 1 "$WORKSHOP_HOME/logs/docker-build.log")" 'connect to the network, then make prefetch'
    docker compose pull --quiet --ignore-buildable --policy missing >/dev/null 2>&1 || true # an image of your own cannot be pulled
  done
  for image in "REDIS_IMAGE ${REDIS_IMAGE:-redis:8-alpine}" "POSTGRES_IMAGE ${POSTGRES_IMAGE:-postgres:17-alpine}"; do
    docker image inspect "${image#* }" >/dev/null 2>&1 ||
      fail "the image ${image#* } could not be fetched" "connect to the network, then make prefetch; or ${image%% *}=…"
  done
else
  say "no Docker engine here, so no images (only DOCKER=1 of $(listed DOCKER) needs them)"
fi
say 'everything is here: make tour shows it, without a network'
