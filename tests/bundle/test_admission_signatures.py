from coldforge.bundle.admission import Signatures, merged, read_signatures
from coldforge.trust.envelope import Envelope, Signature

ONE, OTHER = Signature("a", "1"), Signature("b", "2")
ROTATION = Envelope("type", "", [ONE])


def test_what_is_written_is_read_again() -> None:
    said = Signatures([ONE, OTHER], [ROTATION])
    assert read_signatures(said.encode()) == said


def test_joined_each_signature_and_rotation_is_once() -> None:
    joined = merged([Signatures([ONE], [ROTATION]), Signatures([OTHER, ONE], [ROTATION])])
    assert joined == Signatures([ONE, OTHER], [ROTATION])
