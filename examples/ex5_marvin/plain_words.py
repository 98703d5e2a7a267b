"""What can go wrong with a model, in plain words and in two kinds: asking again may help, or will not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import minds


class ModelRefused(Exception):
    """The model's server said no, and would say it again: a wrong key, no such model."""


class ModelFailed(Exception):
    """The model did not answer this time."""


@contextmanager
def plain_words() -> Iterator[None]:
    """Turns the libraries' errors into ModelRefused or ModelFailed: one line, without the key."""
    import httpx
    from openai import OpenAIError
    from pydantic_ai.exceptions import AgentRunError, ModelHTTPError

    try:
        yield
    except ModelHTTPError as error:
        body = error.body if isinstance(error.body, dict) else {}
        text = " ".join(str(body.get("message") or error.body or "no reason given").split())[:200]
        text = f"the model's server answered {error.status_code}: {text}"
        if minds.GIVEN["OPENAI_API_KEY"]:
            text = text.replace(minds.GIVEN["OPENAI_API_KEY"], "***")
        if error.status_code in (401, 403):
            raise ModelRefused(f"{text} (OPENAI_API_KEY is wrong)") from None
        if error.status_code == 404:
            raise ModelRefused(f"{text} (MARVIN_AGENT_MODEL or OPENAI_BASE_URL is wrong)") from None
        later = error.status_code in (408, 409, 429) or error.status_code >= 500
        if not later or body.get("code") == "insufficient_quota":
            raise ModelRefused(text) from None
        raise ModelFailed(text) from None
    except TimeoutError:
        raise ModelFailed(f"the model did not answer in {minds.ANSWER_SECONDS:g} s") from None
    except (AgentRunError, OpenAIError, httpx.HTTPError) as error:
        raise ModelFailed(f"the model did not answer properly: {' '.join(str(error).split())[:200]}") from None


def may_work_later(task: Any, run: Any, state: Any) -> bool:
    """For `retry_condition_fn`: everything but a refusal."""
    return not isinstance(state.data, ModelRefused)
