"""How many examples Hypothesis tries: 300, and 10,000 in make test-long. A failure prints what repeats it."""

import os

from hypothesis import settings

settings.register_profile("short", max_examples=300, deadline=None, database=None, print_blob=True)
settings.register_profile("long", parent=settings.get_profile("short"), max_examples=10_000)
settings.load_profile("long" if os.environ.get("HYPOTHESIS_LONG") else "short")
