"""Demand that enough trusted keys have attested an image before it is installed."""

from collections.abc import Mapping

from coldforge.errors import ColdforgeError


def check_quorum(stack: str, wanted: int, signed: set[str], trusted: Mapping[str, str]) -> None:
    """Raise ColdforgeError unless `wanted` distinct keys signed.

    `signed`: fingerprints of trusted keys that attested it; `trusted`: fingerprint -> name.
    """
    good = sorted(signed & trusted.keys())
    if len(good) >= wanted:
        return
    there = ", ".join(trusted[key] for key in good) or "none"
    missing = ", ".join(trusted[key] for key in sorted(trusted.keys() - signed)) or "none"
    message = (
        f"the image of '{stack}' has {len(good)} of the {wanted} attestations wanted"
        f" (there: {there}; trusted, but not there: {missing})"
    )
    if len(trusted) < wanted:
        hint = f"this site trusts {len(trusted)} keys: trust more, or ask for fewer by --quorum"
    else:
        hint = f"have it attested (./invokew image.attest --stack {stack}) and receive that"
    raise ColdforgeError(message, hint)
