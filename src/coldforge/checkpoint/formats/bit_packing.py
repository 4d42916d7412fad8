"""Small integers packed into 32-bit words, without gaps.

Value i of a column takes bits i*bits and up of one stream, lowest first; a stream is cut into
words, so values of 3 bits may straddle two. AutoGPTQ, GPTQModel and compressed-tensors share this.
"""

from typing import Any

BLOCK = 32
"""Values; a block of them fills whole words whatever the width."""


def words_of(count: int, bits: int) -> int:
    """Count the words that hold `count` values."""
    return -(-count * bits // 32)


def pack(values: Any, bits: int) -> Any:  # noqa: ANN401 - tensors
    """Pack integers (n, m) of `bits` each along n: int32 (words_of(n), m)."""
    import torch

    count, columns = values.shape
    if count % BLOCK:
        rest = values.new_zeros((BLOCK - count % BLOCK, columns))
        values = torch.cat([values, rest])
    words = torch.zeros((len(values) // BLOCK * bits, columns), dtype=torch.int32)
    for index in range(BLOCK):
        word, shift = divmod(index * bits, 32)
        rows = values[index::BLOCK].to(torch.int32)
        words[word::bits] |= rows << shift
        if shift + bits > 32:
            words[word + 1 :: bits] |= rows >> (32 - shift)
    return words[: words_of(count, bits)]


def unpack(words: Any, bits: int, count: int) -> Any:  # noqa: ANN401 - tensors
    """Unpack int32 (words_of(count), m) into uint8 (count, m)."""
    import torch

    if len(words) % bits:
        rest = words.new_zeros((bits - len(words) % bits, words.shape[1]))
        words = torch.cat([words, rest])
    values = torch.empty((len(words) // bits * BLOCK, words.shape[1]), dtype=torch.uint8)
    for index in range(BLOCK):
        word, shift = divmod(index * bits, 32)
        here = min(bits, 32 - shift)
        rows = (words[word::bits] >> shift) & ((1 << here) - 1)
        if here < bits:
            above = words[word + 1 :: bits] & ((1 << (bits - here)) - 1)
            rows |= above << here
        values[index::BLOCK] = rows.to(torch.uint8)
    return values[:count]
