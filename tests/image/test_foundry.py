from coldforge.image.foundry import differences
from tests.image.conftest import WheelOf


def test_wheels_of_the_same_bytes_do_not_differ(wheel_of: WheelOf) -> None:
    one = wheel_of({"a.py": b"1"})
    other = one.with_suffix(".copy")
    other.write_bytes(one.read_bytes())
    assert differences(one, other) == []


def test_members_that_differ_are_named(wheel_of: WheelOf) -> None:
    one = wheel_of({"same.py": b"1", "lib.so": b"1", "gone.py": b""}, record=b"")
    other = wheel_of({"same.py": b"1", "lib.so": b"2"}, "demo-1.0-py2-none-any.whl", record=b"")
    assert differences(one, other) == ["gone.py", "lib.so"]


def test_zips_of_the_same_members_differ_as_files(wheel_of: WheelOf) -> None:
    one = wheel_of({"a.py": b"1", "b.py": b"2"}, record=b"")
    other = wheel_of({"b.py": b"2", "a.py": b"1"}, "demo-1.0-py2-none-any.whl", record=b"")
    assert differences(one, other) == [one.name]
