"""What answers Marvin in example 5: one of three language models, chosen here. Marvin is the same for all of them.

  openai   a model behind OpenAI's API, or behind a server that speaks it (Ollama, vLLM, LM Studio):
           OPENAI_API_KEY, OPENAI_BASE_URL, MARVIN_AGENT_MODEL, from the environment or .openai.env beside this file
  local    SmolLM2-135M in the task server itself: llama.py
  canned   a stand-in that repeats the question; no model at all

`python models.py` says which one it will be, and how to change that. LLM= names one; without it, openai if there is a
key or an address, else local if it is installed, else canned.
"""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KEY_FILE = Path(os.getenv("OPENAI_ENV_FILE") or HERE / ".openai.env")
ANSWER_SECONDS = float(os.getenv("ANSWER_SECONDS", "60"))  # so long a model behind an API may take for one question


class ModelUnavailable(Exception):
    """What LLM= asks for is not possible: what is wrong, and the command that fixes it."""


# --- choosing ---------------------------------------------------------------------------------------


def settings() -> dict[str, str]:
    """OPENAI_API_KEY, OPENAI_BASE_URL, MARVIN_AGENT_MODEL: from the environment, else from .openai.env, else empty."""
    found = dict.fromkeys(("OPENAI_API_KEY", "OPENAI_BASE_URL", "MARVIN_AGENT_MODEL"), "")
    if KEY_FILE.is_file():
        for line in KEY_FILE.read_text("utf-8-sig", errors="replace").splitlines():
            name, _, value = line.strip().removeprefix("export ").partition("=")
            if name.strip() in found:
                found[name.strip()] = value.strip().strip("\"'")
    return {name: os.environ.get(name, "").strip() or value for name, value in found.items()}


GIVEN = settings()


def why_llama_cannot_run() -> str:
    """Empty if llama.cpp runs here, tried in a process of its own: on an old processor it would be killed."""
    try:
        probe = [sys.executable, str(HERE / "llama.py")]
        subprocess.run(probe, capture_output=True, timeout=120, check=True, text=True)
    except subprocess.CalledProcessError as error:
        if error.returncode < 0:
            return f"signal {-error.returncode} ended it, so this processor lacks what it needs"
        return (error.stderr.strip().splitlines() or ["it says nothing"])[-1]
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return ""


def choose() -> tuple[str, str]:
    """The model's name, and a line for the terminal. Raises ModelUnavailable if LLM= names one that cannot be."""
    import llama

    wanted = os.environ.get("LLM", "")
    if wanted not in ("", "openai", "local", "canned"):
        raise ModelUnavailable(f"LLM={wanted[:40]!r} is not one of: openai local canned", "make ex5 LLM=canned")
    if wanted == "openai" or (not wanted and (GIVEN["OPENAI_API_KEY"] or GIVEN["OPENAI_BASE_URL"])):
        model = model_name()
        if not GIVEN["OPENAI_API_KEY"] and not GIVEN["OPENAI_BASE_URL"]:
            raise ModelUnavailable(
                "LLM=openai needs a key or an address", "export OPENAI_API_KEY=… (or OPENAI_BASE_URL=…)"
            )
        return "openai", f"openai:{model} answers (LLM=local or LLM=canned needs no key)"
    if wanted == "canned":
        return "canned", "a stand-in answers, no model (LLM=openai or LLM=local is one)"
    if llama.model_file():
        if why := why_llama_cannot_run():
            return "canned", f"llama.cpp cannot run here ({why}): a stand-in answers, no model (LLM=openai is one)"
        return "local", "smollm2-135m answers: often wrong, its tones unreliable (OPENAI_API_KEY: a better one)"
    if wanted == "local":
        raise ModelUnavailable("the local model is not installed", "make setup-local-llm, then the same command")
    return "canned", "a stand-in answers, no model. make setup-local-llm gives it a small one, OPENAI_API_KEY OpenAI's"


def model_name() -> str:
    """The model's name for OpenAI's API. Raises ModelUnavailable for another provider's."""
    name = GIVEN["MARVIN_AGENT_MODEL"] or "openai:gpt-4o-mini"
    # On a server of one's own a name may have a colon and no provider: llama3.2:1b
    if ":" in name and not name.startswith("openai:") and not GIVEN["OPENAI_BASE_URL"]:
        what = f"MARVIN_AGENT_MODEL={name[:60]!r} is not OpenAI's"
        raise ModelUnavailable(what, "MARVIN_AGENT_MODEL=openai:gpt-4o-mini, or OPENAI_BASE_URL too")
    return name.removeprefix("openai:")


def set_up_marvin() -> None:
    """Before Marvin is imported: a database for each process (two that create one at once are in each other's way), and
    no name of a model that Marvin does not know.
    """
    home = Path(os.environ.get("MARVIN_HOME_PATH") or Path(os.environ.get("WORKSHOP_HOME", ".workshop")) / "marvin")
    home = home.absolute()
    os.environ["MARVIN_HOME_PATH"] = str(home)
    os.environ["MARVIN_DATABASE_URL"] = f"sqlite+aiosqlite:///{home}/{os.getenv('TASK_SERVER_NAME', 'marvin')}.db"
    os.environ["MARVIN_ENABLE_DEFAULT_PRINT_HANDLER"] = "false"
    os.environ["MARVIN_AGENT_MODEL"] = "openai:gpt-4o-mini"


set_up_marvin()


# --- the models ---------------------------------------------------------------------------------------


def openai_model() -> tuple[Any, str, str]:
    """A model behind OpenAI's API. It is asked once: trying again is the Prefect task's part."""
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    client = AsyncOpenAI(
        api_key=GIVEN["OPENAI_API_KEY"] or "none",  # a server of one's own may want none
        base_url=GIVEN["OPENAI_BASE_URL"] or None,
        max_retries=0,
        timeout=ANSWER_SECONDS,
    )
    name = model_name()
    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client)), f"openai:{name}", ""


def local_model() -> tuple[Any, str, str]:
    import llama
    from marvins_side import behind_marvin

    note = "a very small model: what it says is often wrong, and its tone is a guess"
    return behind_marvin(llama.Llama().answer, "smollm2-135m"), "local:smollm2-135m", note


def canned_model() -> tuple[Any, str, str]:
    from marvins_side import Asked, behind_marvin

    words = {"nice": ("please", "thank", "kind"), "hostile": ("stupid", "idiot", "hate", "useless")}

    async def answer(asked: Asked) -> Any:
        """The same for the same question, always."""
        if asked.labels:
            text = asked.data.lower()
            tones = [tone for tone in words if tone in asked.labels and any(word in text for word in words[tone])]
            return asked.labels.index(tones[-1] if tones else asked.labels[len(asked.labels) // 2])
        if asked.schema != {"type": "string"}:
            raise ValueError("LLM=canned has only labels and text to give")
        return f"No model was asked. This came to me:\n{asked.text()}"

    return behind_marvin(answer, "canned"), "canned", "no model: a stand-in that repeats the question"


class Model:
    """What answers Marvin in this process."""

    def __init__(self, name: str) -> None:
        import marvin
        from pydantic_ai.models.wrapper import WrapperModel

        build = {"openai": openai_model, "local": local_model, "canned": canned_model}[name]
        model, self.answered_by, self.note = build()
        answered_by = self.answered_by
        self.patience = ANSWER_SECONDS if name == "openai" else None  # the others wait for nobody

        class Watched(WrapperModel):
            """Says on the task server's log when the model is called."""

            calls = 0

            @asynccontextmanager
            async def request_stream(self, *args: Any) -> AsyncIterator[Any]:
                self.calls += 1
                print(f"model call {self.calls}: {answered_by}", flush=True)
                async with super().request_stream(*args) as response:
                    yield response

        marvin.defaults.model = Watched(model)


@cache
def get_model() -> Model:
    """The model of this process, made at the first call. Ends the process with one line if it cannot be made."""
    try:
        name, line = choose()
        if name != os.environ.get("LLM"):
            print(f"LLM={name}: {line}", flush=True)
        return Model(name)
    except ModelUnavailable as error:
        sys.exit("error: {}. Try: {}".format(*error.args))


if __name__ == "__main__":
    try:
        chosen, line = choose()
    except ModelUnavailable as error:
        what, remedy = error.args
        print(f"error: {what}. Try: {remedy}", file=sys.stderr)
        sys.exit(2)
    print(f"LLM={chosen}: {line}", file=sys.stderr)
    print(chosen)
