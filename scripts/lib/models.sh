# shellcheck shell=bash
# Example 5: which language model answers, and its key.

check_model() { # fail if LLM names none of the three models, or a key stands in make's command line, which every process list shows
  [ -z "$KEY_WAS_TYPED" ] ||
    fail 'a key in the command line shows in the process list' 'export OPENAI_API_KEY=…, or examples/ex5_marvin/.openai.env'
  [ -z "${LLM:-}" ] || one_of LLM openai local canned
}

openai_settings() { # what the environment does not say, from .openai.env, as models.py does it
  local file=${OPENAI_ENV_FILE:-$KIT/examples/ex5_marvin/.openai.env}
  if [ -f "$file" ]; then read_dotenv "$file"; fi
}

choose_model_in_docker() { # the same as choose_model for containers: what this machine has installed does not count
  openai_settings
  if [ -z "${LLM:-}" ]; then LLM=canned && [ -z "${OPENAI_API_KEY:-}${OPENAI_BASE_URL:-}" ] || LLM=openai; fi
  if [ "$LLM" = openai ] && [ -z "${OPENAI_API_KEY:-}${OPENAI_BASE_URL:-}" ]; then
    fail 'LLM=openai needs a key or an address' 'export OPENAI_API_KEY=… (or OPENAI_BASE_URL=…)'
  fi
  case ${OPENAI_BASE_URL:-} in *//127.0.0.1* | *//localhost*)
    fail 'in a container, the host in OPENAI_BASE_URL means the container itself' 'the same with host.docker.internal for this machine'
    ;;
  esac
  export REQUIREMENTS=ex5 # for the image
  [ "$LLM" != local ] || REQUIREMENTS='ex5 local-llm'
  say "LLM=$LLM in the containers (LLM=openai, local or canned; local makes the image 200 MB larger)"
  unset OPENAI_API_KEY # from here on it is a secret of the task servers
}

choose_model() { # which model answers in example 5, for all its task servers: says so, and exports LLM
  local file=${OPENAI_ENV_FILE:-$KIT/examples/ex5_marvin/.openai.env}
  [ ! -f "$file" ] || no_utf_16 "$file"
  export LLM
  LLM=$("$VENV/bin/python" "$KIT/examples/ex5_marvin/models.py") || exit 2
}
