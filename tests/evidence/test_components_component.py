import pytest
from packageurl import PackageURL

from coldforge.evidence.components import joined, of_entry
from coldforge.stack.lock import Entry

SHA = "ab" * 32
COMMIT = "c" * 40


def entry(origin: str, name: str, path: str, version: str = "1", suite: str = "") -> Entry:
    return Entry("use", origin, name, version, path, 1, SHA, suite)


@pytest.mark.parametrize(
    ("given_entry", "kind", "purl"),
    [
        (
            entry("debian", "libstdc++6", "pool/libstdc++6_1_amd64.deb", "1:12.2-1+b1", "bookworm"),
            "deb",
            "pkg:deb/debian/libstdc%2B%2B6@1:12.2-1%2Bb1?arch=amd64&distro=bookworm",
        ),
        (
            entry("python", "torch", "torch-2.1+cpu-cp311-cp311-linux_x86_64.whl", "2.1+cpu"),
            "wheel",
            "pkg:pypi/torch@2.1%2Bcpu?file_name=torch-2.1%2Bcpu-cp311-cp311-linux_x86_64.whl",
        ),
        (
            entry("python", "a-b", "a_b-1.tar.gz"),
            "source",
            "pkg:pypi/a-b@1?file_name=a_b-1.tar.gz",
        ),
        (
            entry("git", "source", f"github:Some/Name@{COMMIT}~1234", COMMIT),
            "source",
            f"pkg:github/some/name@{COMMIT}",
        ),
        (
            entry("lfs", "lib/x.a", f"github:Some/Name@{COMMIT}/lib/x.a", COMMIT),
            "file",
            f"pkg:github/some/name@{COMMIT}#lib/x.a",
        ),
        (
            entry("file", "tensorrt", "TensorRT-9.tar.gz", "9"),
            "file",
            f"pkg:generic/TensorRT-9.tar.gz@9?checksum=sha256:{SHA}",
        ),
        (
            entry("registry", "library/debian manifest", f"library/debian/manifests/sha256:{SHA}"),
            "image",
            f"pkg:oci/debian@sha256:{SHA}",
        ),
    ],
)
def test_each_origin_has_its_package_url(given_entry: Entry, kind: str, purl: str) -> None:
    made = of_entry(given_entry, "use", inside=True)
    assert (made.kind, made.purl) == (kind, purl)
    assert PackageURL.from_string(made.purl)


def test_the_same_bytes_are_in_the_image_if_either_finding_is() -> None:
    one = of_entry(entry("python", "a", "a-1-py3-none-any.whl"), "wheel/b", inside=False)
    other = of_entry(entry("python", "a", "a-1-py3-none-any.whl"), "top", inside=True)
    for both in (joined(one, other), joined(other, one)):
        assert both.inside
        assert both.uses == ("top", "wheel/b")
