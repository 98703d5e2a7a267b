"""Texts of others for a person's terminal. Standard library only."""

LINES = "\n\t"  # to keep of a text that may have several lines
JOINER = "\u200d"  # joins emoji to one, and does nothing else


def printable(text: object, keep: str = "") -> str:
    """The text with � for each character that would steer a terminal: escape sequences, line breaks, directions.

    Anyone who may submit runs chooses their names, keys and states; a task server names itself and its host.
    keep: characters that stay, such as LINES.
    """
    return "".join(each if each.isprintable() or each == JOINER or each in keep else "�" for each in str(text))
