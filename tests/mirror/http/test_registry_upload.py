import httpx
import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror.http.registry import RegistryClient
from coldforge.mirror.http.registry_upload import UploadState, append, begin, finish, state
from coldforge.mirror.http.retry import TransientError
from coldforge.mirror.settings.registries import RegistryEndpoint

PLACE = "https://registry.example.org/v2/demo/blobs/uploads/1"


def client(*answers: httpx.Response) -> RegistryClient:
    left = list(answers)
    http = httpx.Client(transport=httpx.MockTransport(lambda _: left.pop(0)))
    return RegistryClient(http, RegistryEndpoint("registry.example.org", "demo"))


def answer(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers=headers)


@pytest.mark.parametrize(
    ("location", "place"),
    [
        (
            "/v2/demo/blobs/uploads/1?a=b",
            "https://registry.example.org/v2/demo/blobs/uploads/1?a=b",
        ),
        ("http://registry.example.org/up/1", "https://registry.example.org/up/1"),
        ("https://other.example.org/up/1", "https://other.example.org/up/1"),
        ("http://other.example.org/up/1", "http://other.example.org/up/1"),
    ],
)
def test_an_upload_goes_on_where_the_answer_says_and_stays_on_tls(
    location: str, place: str
) -> None:
    assert begin(client(answer(202, location=location)), "sha256:1") == UploadState(place, 0)


def test_a_blob_of_another_repository_may_be_mounted() -> None:
    assert begin(client(answer(201)), "sha256:1", "team/other") is None


@pytest.mark.parametrize("refusal", [answer(404), answer(202)])
def test_an_upload_that_does_not_begin_is_refused(refusal: httpx.Response) -> None:
    with pytest.raises(ColdforgeError, match="refuses to begin an upload"):
        begin(client(refusal), "sha256:1")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (answer(204, range="0-99"), UploadState(PLACE, 100)),
        (answer(204, range="bytes=0-99"), UploadState(PLACE, 100)),
        (answer(204, range="0-0"), UploadState(PLACE, 0)),
        (answer(204, range="0-99", location=f"{PLACE}?b"), UploadState(f"{PLACE}?b", 100)),
        (answer(204, range="5-9"), None),
        (answer(204), None),
        (answer(404, range="0-99"), None),
    ],
)
def test_a_registry_says_how_far_an_upload_is(
    given: httpx.Response, found: UploadState | None
) -> None:
    assert state(client(given), PLACE) == found


def test_a_piece_moves_the_upload_by_the_registry_s_count_or_ours() -> None:
    before = UploadState(PLACE, 100)
    assert append(client(answer(202, range="0-149")), before, bytes(100)).offset == 150
    assert append(client(answer(202)), before, bytes(100)) == UploadState(PLACE, 200)
    with pytest.raises(TransientError, match="HTTP 416"):
        append(client(answer(416)), before, bytes(100))


def test_the_digest_is_added_to_a_signed_location() -> None:
    asked = []

    def take(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(201)

    http = httpx.Client(transport=httpx.MockTransport(take))
    there = RegistryClient(http, RegistryEndpoint("registry.example.org", "demo"))
    for place in (PLACE, f"{PLACE}?sig=1"):
        assert finish(there, place, "sha256:1", b"").status_code == 201
    assert asked == [f"{PLACE}?digest=sha256:1", f"{PLACE}?sig=1&digest=sha256:1"]
