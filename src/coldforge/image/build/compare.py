"""Name what differs between two builds of a layer: the path, the aspect, the place."""

from pathlib import Path

from coldforge.image.filesystem.tree import Node, Tree, read_tree


def compare(old: Path, new: Path) -> list[str]:
    """List the differences of two layer tars, a line a path, sorted."""
    before, after = read_tree(old), read_tree(new)
    lines = [f"/{path}: only in the first build" for path in before if path not in after]
    lines += [f"/{path}: only in the second build" for path in after if path not in before]
    for path in sorted(before.keys() & after.keys()):
        if not before[path].same(after[path]):
            lines.append(f"/{path}: {_aspects(before[path], after[path], old, new)}")
    return sorted(lines) or _order(before, after)


def _aspects(first: Node, second: Node, old: Path, new: Path) -> str:
    said = []
    for name in ("kind", "mode", "uid", "gid", "link", "size", "capability"):
        one, two = getattr(first.member, name), getattr(second.member, name)
        if one != two:
            shown = (f"{one:o}", f"{two:o}") if name == "mode" else (repr(one), repr(two))
            said.append(f"{name} {shown[0]} became {shown[1]}")
    if first.sha256 != second.sha256:
        said.append(f"content differs from byte {_first_difference(first, second, old, new)}")
    return ", ".join(said)


def _first_difference(first: Node, second: Node, old: Path, new: Path) -> int:
    with old.open("rb") as one, new.open("rb") as two:
        one.seek(first.offset)
        two.seek(second.offset)
        length = min(first.member.size, second.member.size)
        for start in range(0, length, 1 << 16):
            count = min(1 << 16, length - start)
            left, right = one.read(count), two.read(count)
            if left != right:
                return start + next(
                    i for i, pair in enumerate(zip(left, right, strict=True)) if pair[0] != pair[1]
                )
    return length


def _order(before: Tree, after: Tree) -> list[str]:
    if list(before) != list(after):
        return ["the same members in another order"]
    return ["the same members; their headers differ"]
