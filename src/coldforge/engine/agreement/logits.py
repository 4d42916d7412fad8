"""Backends' logits on the same inputs, compared by Polygraphy an input at a time."""

from collections.abc import Iterable
from typing import Any

from coldforge.engine.agreement.distance import Distance, next_tokens
from coldforge.engine.agreement.feeds import Feed
from coldforge.errors import ColdforgeError

LOGITS = "logits"


class Tally:
    """A comparison function of Polygraphy that sums distances by the names of each pair."""

    def __init__(self, tolerance: float) -> None:
        """Compare each logit's absolute difference with `tolerance`."""
        from polygraphy.comparator import SimpleCompareFunc

        # Its verdict needs one of both tolerances to hold: a relative one of 0 never does.
        self._simple = SimpleCompareFunc(atol=tolerance, rtol=0, check_error_stat="max")
        self.found: dict[tuple[str, str], Distance] = {}

    def __call__(self, source: Any, other: Any) -> dict[str, Any]:  # noqa: ANN401
        """Compare two IterationResults; raise ColdforgeError for logits of other shapes."""
        found = self._simple(source, other)[LOGITS]
        if isinstance(found, bool):
            raise ColdforgeError(
                f"{source.runner_name} and {other.runner_name} have different vocabularies",
                "compare models of one origin",
            )
        rows = [item[LOGITS].reshape(-1, item[LOGITS].shape[-1]) for item in (source, other)]
        distance = Distance(
            len(rows[0]),
            found.max_absdiff,
            found.mean_absdiff,
            found.max_reldiff,
            *next_tokens(*rows),
            within=bool(found),
        )
        pair = (source.runner_name, other.runner_name)
        self.found[pair] = self.found.get(pair, Distance()) + distance
        return {LOGITS: found}


def compare_logits(runners: list[Any], fed: Iterable[Feed], tolerance: float) -> list[Distance]:
    """Run all on each feed; return the distance of each but the first from the first.

    One input's logits are in memory at a time.
    """
    from polygraphy.comparator import Comparator
    from polygraphy.exception import PolygraphyException
    from polygraphy.logger import G_LOGGER

    tally = Tally(tolerance)
    pairs = [(0, at) for at in range(1, len(runners))]
    with G_LOGGER.verbosity(G_LOGGER.CRITICAL):
        try:
            stream = Comparator.run(runners, fed, streaming=True)
            Comparator.compare_accuracy(stream, comparisons=pairs, compare_func=tally)
        except PolygraphyException as error:
            first = (str(error).splitlines() or ["no reason given"])[0]
            raise ColdforgeError(f"Polygraphy: {first}", "build the engine again") from error
    return [tally.found[runners[0].name, item.name] for item in runners[1:]]
