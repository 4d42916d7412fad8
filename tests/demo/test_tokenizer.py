from pathlib import Path

import pytest

from coldforge.demo.architectures import KINDS, untrained
from coldforge.demo.tokenizer import train_tokenizer
from coldforge.model.corpus import Corpus, Document
from coldforge.model.tokens import ModelTokens

pytest.importorskip("torch")
pytestmark = pytest.mark.model

TEXT = "def main(argv):\n    value = argv[0] + 1.25\n    return value  # na\u00efve\n\n\n"
CORPUS = Corpus("one", (Document("a.py", TEXT * 3),))


@pytest.mark.parametrize("kind", KINDS)
def test_beside_its_model_it_cuts_text_as_it_did_when_it_was_trained(
    kind: str, tmp_path: Path
) -> None:
    alone = train_tokenizer(CORPUS, kind, 300, tmp_path)
    untrained(kind, 300, 0).config.save_pretrained(tmp_path)
    beside = ModelTokens(tmp_path)
    assert beside.encode([TEXT]) == alone.encode([TEXT])
    assert beside.digest == alone.digest
    assert len(beside.tokenizer) == len(alone.tokenizer) <= 300
    assert beside.end == 0


@pytest.mark.parametrize("kind", KINDS)
def test_any_text_comes_back_as_it_was(kind: str, tmp_path: Path) -> None:
    tokens = train_tokenizer(CORPUS, kind, 300, tmp_path)
    text = "x\ty  \u4f60\U0001f600\r\n"
    assert tokens.tokenizer.decode(tokens.encode([text])[0]) == text
