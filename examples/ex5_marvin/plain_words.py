"""What can go wrong with a model, in plain words and in two kinds: asking again may help, or will not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import models


class ModelRefused(Exception):
    """The model's server said no, and would say it again: a wrong key, no such model."""


class ModelFailed(Exception):
    """The model did not answer this time."""


def without_key(text: object) -> str:
    """On one line and short. Some servers repeat the key that they refuse."""
    key = models.GIVEN["OPENAI_API_KEY"]
    line = " ".join(str(text).split())
    return (line.replace(key, "***") if key else line)[:200]


@asynccontextmanager
async def plain_words() -> AsyncIterator[None]:
    """Turns the libraries' errors into ModelRefused or ModelFailed: one line each.

    It waits for an answer as many seconds as the model may take, and no longer.
    """
    import httpx
    from openai import OpenAIError
    from pydantic_ai.exceptions import AgentRunError, ModelHTTPError

    patience = asyncio.timeout(models.get_model().patience)
    try:
        async with patience:
            yield
    except ModelHTTPError as error:
        body = error.body if isinstance(error.body, dict) else {}
        text = without_key(body.get("message") or error.body or "no reason given")
        text = f"the model's server answered {error.status_code}: {text}"
        if error.status_code in (401, 403):
            raise ModelRefused(f"{text} (OPENAI_API_KEY is wrong)") from None
        if error.status_code == 404:
            raise ModelRefused(f"{text} (MARVIN_AGENT_MODEL or OPENAI_BASE_URL is wrong)") from None
        later = error.status_code in (408, 409, 429) or error.status_code >= 500
        if not later or body.get("code") == "insufficient_quota":
            raise ModelRefused(text) from None
        raise ModelFailed(text) from None
    except (TimeoutError, AgentRunError, OpenAIError, httpx.HTTPError) as error:
        if patience.expired():  # a connection that is given up complains of that in its own words
            raise ModelFailed(f"the model did not answer in {models.ANSWER_SECONDS:g} s") from None
        raise ModelFailed(f"the model did not answer properly: {without_key(error)}") from None


def may_work_later(task: Any, run: Any, state: Any) -> bool:
    """For `retry_condition_fn`: everything but a refusal."""
    return not isinstance(state.data, ModelRefused)
