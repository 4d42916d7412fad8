from coldforge.image.oci.referrers import manifest, subject, summary


def test_annotations_are_left_out_where_there_are_none() -> None:
    document = manifest("type", ({"digest": "s"}, {"digest": "c"}, {"digest": "l"}), {})
    assert "annotations" not in document
    assert summary(document) == {"artifactType": "type"}


def test_the_subject_is_found_and_its_lack_too() -> None:
    document = manifest("type", ({"digest": "s"}, {"digest": "c"}, {"digest": "l"}), {"a": "b"})
    assert subject(document) == "s"
    assert subject({}) == subject({"subject": None}) == ""
