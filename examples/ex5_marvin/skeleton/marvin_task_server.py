"""Example 5: the task that asks a language model through Marvin, and the task server that runs it."""

import os

import models  # isort: skip - before Marvin: it says where Marvin keeps its files
from prefect.utilities.hashing import hash_objects

# 1. Import marvin (after models); `task` from `prefect`; `keyed` and `serve` from `durable`; and, from plain_words
#    beside this file, `plain_words` and `may_work_later`.

TONES = ["nice", "neutral", "hostile"]
CACHE_SECONDS = float(os.getenv("CACHE_SECONDS", "60"))  # so long the same question has the same answer


# 2. Make this an AI function with @marvin.fn: its docstring is what the model is told, its body stays empty.
async def reply(question: str, tone: str) -> str:
    """Answer the question helpfully, in two sentences at the most. If the tone is hostile, retort instead."""


def same_question(context, parameters):
    return hash_objects(models.get_model().answered_by, parameters["question"])


# 3. Make this a task, @keyed("marvin") above @task(…): three retries after 1, 2 and 4 seconds with
#    retry_condition_fn=may_work_later; cache_key_fn=same_question with a cache_expiration of CACHE_SECONDS (a
#    timedelta); and result_serializer="json", for the web app's sake.
async def answer_question(question: str):
    model = models.get_model()
    # 4. Inside `async with plain_words():` let marvin.classify_async(question, TONES) find the tone, and reply() the
    #    answer. Return both.
    return {"answer": "Step 4 is to be written.", "tone": "?", "answered_by": model.answered_by, "note": model.note}


if __name__ == "__main__":
    models.get_model()  # once for each task server, before the first question
    # 5. Serve the task. Take limit, grace, name and records from LIMIT, GRACE, TASK_SERVER_NAME and RECORDS in the
    #    environment.
