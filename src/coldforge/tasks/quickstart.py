"""quickstart: from a bare machine to an image, a quantised model and what it cost, in one go."""

from functools import partial
from pathlib import Path
from typing import Any

from invoke.context import Context

from coldforge.tasks._engine import YES
from coldforge.tasks._task import emit, task

BITS, GROUP_SIZE = 4, 128


@partial(task, help={"yes": YES, "json": "Print the result for programs."})
def quickstart(context: Context, yes: bool = False, json: bool = False) -> None:
    """Do everything once: mirror, image, demo model, int4, and the table. About ten minutes.

    Example: invoke quickstart
    """
    from coldforge.progress import say

    say("1/6 This machine")
    _examine(yes)
    say("2/6 Mirror: what the image is made of (about 450 MB, one to five minutes)")
    _fetch()
    say("3/6 Image: built from the mirror, no network (about three minutes)")
    built, seconds = _timed(lambda: _image(yes))
    say("4/6 Demo model: trained in the image (two to four minutes)")
    result = _model(Path(_home() / "quickstart"), built, seconds)
    emit(result, json, table(result))
