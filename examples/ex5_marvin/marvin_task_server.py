"""Example 5: the task that asks a language model through Marvin, and the task server that runs it."""

import os
from datetime import timedelta

import models  # isort: skip - before Marvin: it says where Marvin keeps its files
import marvin
from prefect import task
from prefect.utilities.hashing import hash_objects

from durable import keyed, serve
from plain_words import may_work_later, plain_words

TONES = ["nice", "neutral", "hostile"]
CACHE_SECONDS = float(os.getenv("CACHE_SECONDS", "60"))  # so long the same question has the same answer


@marvin.fn
async def reply(question: str, tone: str) -> str:
    """Answer the question helpfully, in two sentences at the most. If the tone is hostile, retort instead."""


def same_question(context, parameters):
    return hash_objects(models.get_model().answered_by, parameters["question"])


@keyed("marvin")
@task(
    retries=3,
    retry_delay_seconds=[1, 2, 4],
    retry_condition_fn=may_work_later,  # not with a wrong key
    cache_key_fn=same_question,
    cache_expiration=timedelta(seconds=CACHE_SECONDS),
    result_serializer="json",
)
async def answer_question(question: str):
    model = models.get_model()
    async with plain_words():
        tone = await marvin.classify_async(question, TONES)
        answer = await reply(question, tone)
    return {"answer": answer, "tone": tone, "answered_by": model.answered_by, "note": model.note}


if __name__ == "__main__":
    models.get_model()  # once for each task server, before the first question
    serve(
        answer_question,
        limit=int(os.getenv("LIMIT", "10")),
        grace=float(os.getenv("GRACE", "30")),
        name=os.getenv("TASK_SERVER_NAME"),
        records=os.getenv("RECORDS"),
    )
