"""Which result each task prints, and each card holds."""

from coldforge.report.results.engine import Bench, Built, Checked, Predicted
from coldforge.report.results.many import Survey, Sweep
from coldforge.report.results.model import Compared, Evaluated, Programs, Quantised
from coldforge.report.results.result import Result

TASKS: dict[str, type[Result]] = {
    "bench": Bench,
    "compare": Compared,
    "engine.build": Built,
    "engine.check": Checked,
    "engine.memory": Predicted,
    "evaluate": Evaluated,
    "humaneval": Programs,
    "quantize": Quantised,
    "survey": Survey,
    "sweep": Sweep,
}
"""What each task prints."""
KINDS = {"engine": "engine.build", "quantised model": "quantize"}
"""The task whose result a card holds, by its kind."""
