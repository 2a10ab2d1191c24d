"""Times in seconds, as options take them."""

import math
from typing import Any

import click


class Seconds(click.FloatRange):
    """A number of seconds within a range; ``nan`` compares with no bound and is none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or fail as every option does."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}.", param, ctx)
        return number
