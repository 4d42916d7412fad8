import io
import json

from coldforge.errors import ColdforgeError
from coldforge.evaluate.workers.worker import serve


class Counter:
    def __init__(self, start: int) -> None:
        self.count = start

    def add(self, by: int) -> dict[str, int]:
        if by < 0:
            raise ColdforgeError("less than nothing", "add something")
        self.count += by
        return {"count": self.count}


def answers(start: int, *requests: object) -> list[dict[str, object]]:
    said = io.StringIO()
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    serve(lambda: Counter(start), io.StringIO(lines), said)
    return [json.loads(line) for line in said.getvalue().splitlines()]


def test_one_thing_answers_every_request() -> None:
    assert answers(1, {"do": "add", "by": 2}, {"do": "add", "by": 3}) == [
        {"count": 3},
        {"count": 6},
    ]


def test_an_error_is_an_answer_and_not_the_end() -> None:
    found = answers(0, {"do": "add", "by": -1}, {"do": "add", "by": 1})
    assert found == [{"error": "less than nothing", "hint": "add something"}, {"count": 1}]
