"""The target of a push: host[:port]/repository[:tag].

Grammar: github.com/distribution/reference.
"""

import re

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.mirror.origins.oci.reference import HOST, LONGEST, REPOSITORY, has_host
from coldforge.mirror.settings.registries import Containers, RegistryEndpoint

TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class PushTarget(msgspec.Struct, frozen=True):
    """A tag of a repository of a registry."""

    host: str
    """With its port, if it has one."""
    repository: str
    tag: str = "latest"

    @property
    def name(self) -> str:
        """Spell the repository."""
        return f"{self.host}/{self.repository}"

    def __str__(self) -> str:
        """Spell it as Docker does."""
        return f"{self.name}:{self.tag}"


def endpoint_of(target: PushTarget, containers: Containers) -> RegistryEndpoint:
    """Find a target's API; raise ColdforgeError if the user's configuration blocks it."""
    endpoint = containers.own(target.host, target.repository)
    if endpoint is None:
        message = f"{target.host} is blocked by this user's configuration"
        raise ColdforgeError(message, "see registries.conf")
    return endpoint


def parse_target(text: str) -> PushTarget:
    """Read host[:port]/repository[:tag]; raise ColdforgeError on any other form."""
    hint = "write HOST[:PORT]/REPOSITORY[:TAG], e.g. registry.example.org/team/cpu:1"
    if "@" in text:
        message = f"'{text}' names a digest or a user; what is pushed says its own digest"
        raise ColdforgeError(message, hint)
    host, _, rest = text.partition("/")
    repository, colon, tag = rest.partition(":")
    if not has_host(text) or not HOST.fullmatch(host):
        raise ColdforgeError(f"'{text}' does not begin with a registry's host", hint)
    if not REPOSITORY.fullmatch(repository) or len(text) > LONGEST:
        raise ColdforgeError(f"'{repository}' is not the name of a repository", hint)
    if colon and not TAG.fullmatch(tag):
        raise ColdforgeError(f"'{tag}' is not a tag", hint)
    return PushTarget(host, repository, tag or "latest")
