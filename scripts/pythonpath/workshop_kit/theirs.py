"""The person's variables that scripts/lib/environment.sh has set aside: the learner's code may read them."""

from collections.abc import Mapping, MutableMapping

ASIDE = "WORKSHOP_THEIRS_"


def proxies(environment: Mapping[str, str]) -> list[str]:
    """The names under which the person's shell has a proxy."""
    plain = [name.removeprefix(ASIDE) for name in environment if environment[name]]
    return [name for name in plain if name.upper() in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")]


def give_back(environment: MutableMapping[str, str]) -> None:
    """What was set aside has its own name again, unless the kit has set that name meanwhile."""
    for aside in [name for name in environment if name.startswith(ASIDE)]:
        environment.setdefault(aside.removeprefix(ASIDE), environment.pop(aside))
