import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl import PackageURL

from coldforge.mirror.origins.origin import generic_url, origin_of, package_url
from coldforge.stack.lock import Entry

SHA = "ab" * 32
COMMIT = "ffd5af342a817a2689d38e4af2cc59ded877e339"
ODD = st.text("ab1+:~%&=?@#ä", min_size=1)


@given(ODD, ODD, ODD)
def test_a_package_url_can_be_read_again(name: str, version: str, file: str) -> None:
    read = PackageURL.from_string(package_url("generic", name, version, {"file_name": file}))
    assert (read.name, read.version, read.qualifiers) == (name, version, {"file_name": file})


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        (
            Entry("u", "debian", "bsdutils", "1:2.38.1-5+deb12u3",
                  "pool/main/u/util-linux/bsdutils_2.38.1-5+deb12u3_amd64.deb", 1, SHA, "bookworm"),
            "pkg:deb/debian/bsdutils@1:2.38.1-5%2Bdeb12u3?arch=amd64&distro=bookworm",
        ),
        (
            Entry("u", "debian", "debianutils", "5.7-0.5~deb12u1",
                  "pool/main/d/debianutils/debianutils_5.7-0.5~deb12u1_amd64.deb", 1, SHA, "s"),
            "pkg:deb/debian/debianutils@5.7-0.5~deb12u1?arch=amd64&distro=s",
        ),
        (
            Entry("u", "python", "ml-dtypes", "0.6.0", "ml_dtypes-0.6.0-cp311-cp311-"
                  "manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", 1, SHA),
            "pkg:pypi/ml-dtypes@0.6.0?file_name=ml_dtypes-0.6.0-cp311-cp311-"
            "manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
        ),
        (
            Entry("u", "python", "torch", "2.13.0+cpu",
                  "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", 1, SHA),
            "pkg:pypi/torch@2.13.0%2Bcpu"
            "?file_name=torch-2.13.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl",
        ),
        (
            Entry("u", "python", "device-smi", "0.5.7", "device_smi-0.5.7.tar.gz", 1, SHA),
            "pkg:pypi/device-smi@0.5.7?file_name=device_smi-0.5.7.tar.gz",
        ),
        (
            Entry("u", "git", "source", COMMIT, f"github:NVIDIA/TensorRT-LLM@{COMMIT}~f9666a64",
                  1, SHA),
            f"pkg:github/nvidia/tensorrt-llm@{COMMIT}",
        ),
        (
            Entry("u", "git", "source", "adf0634fe89262c2", "tests/fixtures/release", 1, SHA),
            f"pkg:generic/release@adf0634fe89262c2?checksum=sha256:{SHA}",
        ),
        (
            Entry("u", "lfs", "cpp/a_b/x86_64-linux-gnu/libx.a", COMMIT,
                  f"github:NVIDIA/TensorRT-LLM@{COMMIT}/cpp/a_b/x86_64-linux-gnu/libx.a", 1, SHA),
            f"pkg:github/nvidia/tensorrt-llm@{COMMIT}#cpp/a_b/x86_64-linux-gnu/libx.a",
        ),
        (
            Entry("u", "lfs", "lib/x.a", "1234", "tests/fixtures/release/lib/x.a", 1, SHA),
            f"pkg:generic/x.a@1234?checksum=sha256:{SHA}",
        ),
        (
            Entry("u", "file", "tensorrt", "9.9.9.9",
                  "TensorRT-9.9.9.9.Linux.x86_64-gnu.cuda-13.0.tar.gz", 1, SHA),
            "pkg:generic/TensorRT-9.9.9.9.Linux.x86_64-gnu.cuda-13.0.tar.gz@9.9.9.9"
            f"?checksum=sha256:{SHA}",
        ),
        (
            Entry("u", "registry", "library/debian layer 01", "linux/amd64@12",
                  f"library/debian/blobs/sha256:{SHA}", 1, SHA),
            f"pkg:oci/debian@sha256:{SHA}",
        ),
    ],
)  # fmt: skip
def test_an_entry_keeps_its_package_url(entry: Entry, url: str) -> None:
    # What documents of earlier builds say: a string that changes breaks their comparison.
    assert origin_of(entry).identify(entry).package_url == url


def test_a_file_of_the_checkout_has_its_folder_as_namespace() -> None:
    url = generic_url("docker/files/user.sh", "", SHA)
    assert url == f"pkg:generic/docker/files/user.sh?checksum=sha256:{SHA}"
