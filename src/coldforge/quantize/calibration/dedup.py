"""Filter of generated answers: too short, repetitive or near duplicates are dropped."""

from collections import Counter

SHORTEST = 16  # tokens of an answer
SHINGLE = 5  # tokens; answers are compared by their runs of so many
VARIED = 0.4  # share of an answer's shingles that are different; below it, it is repetitive
ALIKE = 0.7  # shared shingles over all shingles of two answers (Jaccard); above it, duplicates

Shingles = frozenset[tuple[int, ...]]


class AnswerFilter:
    """Keeps answers, and counts the reasons why others are dropped."""

    def __init__(self) -> None:
        """Start empty."""
        self.kept: list[list[int]] = []
        self.tokens = 0
        """Of all that is kept."""
        self.dropped: Counter[str] = Counter()
        self._sizes: list[int] = []
        self._holders: dict[tuple[int, ...], list[int]] = {}

    def offer(self, question: list[int], answer: list[int], end: int) -> None:
        """Keep question, answer and the end token, or count the reason why not."""
        shingles = _shingles(answer)
        if reason := self._flaw(answer, shingles):
            self.dropped[reason] += 1
            return
        for shingle in shingles:
            self._holders.setdefault(shingle, []).append(len(self.kept))
        self._sizes.append(len(shingles))
        self.kept.append([*question, *answer, end])
        self.tokens += len(self.kept[-1])

    def _flaw(self, answer: list[int], shingles: Shingles) -> str:
        if len(answer) < SHORTEST:
            return "short"
        if len(shingles) < VARIED * (len(answer) - SHINGLE + 1):
            return "repetitive"
        shared = Counter(at for item in shingles for at in self._holders.get(item, ()))
        for at, count in shared.items():
            if count >= ALIKE * (len(shingles) + self._sizes[at] - count):
                return "duplicate"
        return ""


def _shingles(ids: list[int]) -> Shingles:
    return frozenset(tuple(ids[at : at + SHINGLE]) for at in range(len(ids) - SHINGLE + 1))
