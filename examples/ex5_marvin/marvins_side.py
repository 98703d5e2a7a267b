"""Marvin's side of a conversation, for a model that is not a service: reads what Marvin 3.2.7 asks, and writes the tool
call that it needs for an answer. tests/examples/marvin_models.py holds this file to that version.

Marvin asks with one prompt in tags and one tool whose `result` must fit a JSON schema, and it always streams.
"""

import ast
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic_ai.messages import ModelMessage, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

LITERAL = r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""  # a string as repr() writes it


@dataclass
class Asked:
    """What Marvin needs: `result` must fit `schema`, and with `labels` it is the index of one of them."""

    schema: dict[str, Any]
    labels: list[str] = field(default_factory=list)
    data: str = ""  # what to classify
    instructions: str = ""  # the docstring of a @marvin.fn
    arguments: dict[str, Any] = field(default_factory=dict)  # what it was called with

    def text(self) -> str:
        """What the model is to read."""
        if len(self.arguments) < 2:
            return self.data or "".join(map(str, self.arguments.values()))
        return "\n".join(f"{name}: {value}" for name, value in self.arguments.items())


def between(text: str, tag: str) -> str:
    """What stands in <tag>…</tag>, up to the last end: a person may have typed that end as well.

    Raises ValueError if the tag is not there.
    """
    start, end = text.index(f"<{tag}>") + len(tag) + 2, text.rindex(f"</{tag}>")
    return text[start:end]


def read(prompt: str, schema: dict[str, Any]) -> Asked:
    """Marvin's prompt, understood. Raises ValueError if it is not one of the two kinds that this file knows."""
    context = prompt.partition("<context>")[2].lstrip()
    wanted = prompt.rpartition("<result-type>")[2]  # what a person typed stands in between
    try:
        if context.startswith("<Function definition>"):
            definition = context.partition("<Function arguments>")[0]
            doc = re.search(r"'docstring': " + LITERAL, definition)
            arguments = ast.literal_eval(between(context, "Function arguments"))
            return Asked(schema, instructions=ast.literal_eval(doc[1]) if doc else "", arguments=arguments)
        labels = re.search(r"indices of your chosen labels: (\{.*\})", wanted)
        names = ast.literal_eval(labels[1]).values() if labels else []
        plain = [name.removeprefix("'").removesuffix("'") for name in names]  # it writes quotes around them
        return Asked(schema, labels=plain, data=between(context, "Data to classify"))
    except (ValueError, SyntaxError) as error:
        raise ValueError("Marvin asks in words that this adapter, written for 3.2.7, does not know") from error


def behind_marvin(answer: Callable[[Asked], Awaitable[Any]], name: str) -> FunctionModel:
    """A model for `marvin.defaults.model`: Marvin's request goes to `answer`, which returns the result's value."""

    async def stream(messages: list[ModelMessage], info: AgentInfo):
        prompts = [part.content for message in messages for part in message.parts if isinstance(part, UserPromptPart)]
        texts = [content if isinstance(content, str) else "".join(map(str, content)) for content in prompts]
        prompt = next((text for text in reversed(texts) if "<task>" in text), "")
        tool = info.output_tools[0]
        result = await answer(read(prompt, tool.parameters_json_schema["properties"]["result"]))
        yield {0: DeltaToolCall(name=tool.name, json_args=json.dumps({"result": result}), tool_call_id="answer")}

    return FunctionModel(stream_function=stream, model_name=name)
