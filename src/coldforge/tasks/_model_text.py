"""What the model tasks print for people."""

from typing import Any


def demo(found: dict[str, Any]) -> str:
    """Say what training gave."""
    return (
        f"{found['parameters']:,} parameters, {found['learned_tokens']:,} tokens learned\n"
        f"held-out perplexity: untrained {found['perplexity_untrained']:,.1f}, "
        f"trained {found['perplexity']:,.2f} ({found['judged_tokens']:,} tokens)\n"
        f"digest {found['digest']} ({found['seconds']:.0f} s)"
    )


def quantize(found: dict[str, Any]) -> str:
    """Say what quantising gave."""
    from coldforge.progress import amount

    share = found["linear_bytes"] / found["linear_fp16_bytes"]
    drawn = found["calibration"]
    return (
        f"linear weights {amount(found['linear_bytes'])}, {share:.3f} of fp16's "
        f"{amount(found['linear_fp16_bytes'])}; on disk {amount(found['disk_bytes'])}\n"
        f"calibrated with {drawn['samples']} windows of {drawn['length']} tokens, "
        f"{drawn['corpus']}\n"
        f"digest {found['digest']} ({found['seconds']:.0f} s)"
    )


def evaluate(found: dict[str, Any]) -> str:
    """Say what judging gave, and by which protocol."""
    how = found["protocol"]
    lines = [
        f"perplexity {found['perplexity']:,.4f}",
        f"protocol: {how['windows']} windows of {how['window']} tokens, stride {how['stride']}, "
        f"{how['tokens']:,} tokens judged, {how['dtype']}, {how['corpus']}, "
        f"tokenizer {how['tokenizer'][:12]}",
    ]
    if against := found.get("reference"):
        lines.append(
            f"against {against['model']}: KL {against['kl']:.6f} nats a token, "
            f"top-1 agreement {against['top1_agreement']:.4f}"
        )
    return "\n".join(lines)


def diff(found: dict[str, Any]) -> str:
    """Say whether two checkpoints are equal."""
    if found["equal"]:
        return f"equal: {found['tensors']} tensors, digest {found['one']}"
    lines = [f"differs: {name}" for name in found["differing"]]
    lines += [f"only in one: {name}" for name in found["only_one"]]
    lines += [f"only in other: {name}" for name in found["only_other"]]
    return "\n".join([*lines, f"{len(lines)} of {found['tensors']} tensors differ"])
