# shellcheck shell=bash
# An example that asks a language model (EXAMPLE_MODEL): which one answers, and its key.

folder_with_model() { finished_folder "$(first_example_with MODEL)"; } # -> that example's

key_file() { printf '%s' "${OPENAI_ENV_FILE:-$(folder_with_model)/.openai.env}"; } # -> where a person has written down the key

openai_settings() { # what the environment does not say, from .openai.env, as models.py does it
  local file
  file=$(key_file)
  if [ -f "$file" ]; then read_dotenv "$file"; fi
}

choose_model_in_docker() { # the same as choose_model for containers: what this machine has installed does not count
  openai_settings
  if [ -z "${LLM:-}" ]; then LLM=canned && [ -z "${OPENAI_API_KEY:-}${OPENAI_BASE_URL:-}" ] || LLM=openai; fi
  if [ "$LLM" = openai ] && [ -z "${OPENAI_API_KEY:-}${OPENAI_BASE_URL:-}" ]; then
    fail 'LLM=openai needs a key or an address' 'export OPENAI_API_KEY=… (or OPENAI_BASE_URL=…)'
  fi
  case ${OPENAI_BASE_URL:-} in *//127.0.0.1* | *//localhost*)
    fail 'in a container, the host in OPENAI_BASE_URL means the container itself' 'write host.docker.internal for this machine'
    ;;
  esac
  REQUIREMENTS=$(example "$(first_example_with MODEL)" PACKAGES) # for the image
  [ "$LLM" != local ] || REQUIREMENTS="$REQUIREMENTS local-llm"
  export REQUIREMENTS
  say "LLM=$LLM in the containers (LLM=openai, local or canned; local makes the image 200 MB larger)"
  unset OPENAI_API_KEY # from here on it is a secret of the task servers
}

choose_model() { # which model answers, for all task servers of the example: says so, and exports LLM
  local file
  file=$(key_file)
  [ ! -f "$file" ] || no_utf_16 "$file"
  export LLM
  LLM=$("$VENV/bin/python" "$(folder_with_model)/models.py") || exit 2
}
