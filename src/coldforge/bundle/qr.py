"""Print an inventory as QR codes, and read it back from lines that a scanner wrote.

A code reads CFH1/DIGEST/NUMBER/COUNT/CHUNK: 8 hex digits of the inventory's sha256, decimal
numbers, and base32 of a chunk followed by the CRC-32 of the header and the chunk. Base32 is 7 %
longer than base45, but has no spaces for an editor to strip and no characters that a keyboard
scanner mistypes.

Codes have version 20 at most, 97 modules wide, error level M. With twelve per page a module is
0.55 mm wide, which cheap scanners and phones resolve; level M survives a fold or a stain on 15 % of
a code. Sources: RFC 4648, ISO/IEC 18004.
"""

import base64
import binascii
import hashlib
import io
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from coldforge.bundle.inventory import MAGIC, Inventory, decode
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.files.atomic import write_file

if TYPE_CHECKING:
    from segno import QRCode

LEVEL = "m"
CHARACTERS = 970  # that version 20 holds at level M in alphanumeric mode
CAPACITY = CHARACTERS - len("CFH1/01234567/9999/9999/")
CHUNK = CAPACITY // 8 * 5 - 4  # bytes of the inventory in a code; 4 are for the CRC
LINE = re.compile(r"(CFH1/([0-9A-F]{8})/([0-9]{1,4})/([0-9]{1,4})/)([A-Z2-7]+)")
PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Coldforge inventory {digest}</title><style>
@page {{ size: A4; margin: 10mm }}
body {{ margin: 0; font: 10pt sans-serif; color: #000; background: #fff }}
main {{ display: grid; grid-template-columns: repeat(3, 58mm); justify-content: space-between }}
figure {{ margin: 0 0 2mm; text-align: center; break-inside: avoid }}
svg {{ width: 58mm; height: 58mm; display: block }}
p {{ margin: 0 0 3mm }}
</style></head><body>
<p>Coldforge inventory <b>{digest}</b>: {count} codes. Scan them in any order into a text file,
one line a code, and give it on the other side: mirror.bundle --have FILE</p>
<main>
{figures}</main></body></html>
"""


def codes(data: bytes) -> list[str]:
    """Return the text of each code."""
    short, chunks = _short(data), range(0, max(1, len(data)), CHUNK)
    if len(chunks) > 9999:
        raise ColdforgeError("the inventory is too long for paper", "carry it as a file")
    heads = [f"CFH1/{short}/{number}/{len(chunks)}/" for number in range(1, len(chunks) + 1)]
    return [
        head + _encode(head, data[at : at + CHUNK]) for head, at in zip(heads, chunks, strict=True)
    ]


def draw(text: str) -> "QRCode":
    """Draw a code."""
    import segno

    return segno.make_qr(text, error=LEVEL, mode="alphanumeric", boost_error=False)


def write_page(data: bytes, out: Path) -> int:
    """Write an inventory as an HTML page to print; return the number of codes."""
    texts = codes(data)
    figures = ""
    for number, text in enumerate(texts, 1):
        picture = io.BytesIO()
        draw(text).save(picture, kind="svg", border=4, xmldecl=False, svgns=False, omitsize=True)
        caption = f"<figcaption>{number}/{len(texts)} · {_short(data)}</figcaption>"
        figures += f"<figure>{picture.getvalue().decode().strip()}{caption}</figure>\n"
    page = PAGE.format(digest=_short(data), count=len(texts), figures=figures)
    write_file(out, page.encode())
    return len(texts)


def read_codes(text: str) -> bytes:
    """Assemble an inventory from scanned lines, in any order; other lines are ignored.

    Raise ColdforgeError naming the codes that are missing or were misread.
    """
    read: dict[tuple[str, int], dict[int, bytes]] = {}
    for head, short, number, count, chunk in LINE.findall(text.upper()):
        if (part := _chunk(head, chunk)) is not None and 1 <= int(number) <= int(count):
            read.setdefault((short, int(count)), {})[int(number)] = part
    if len(read) != 1:
        what = "codes of several inventories" if read else "no code of an inventory"
        raise ColdforgeError(f"the text has {what}", "scan the codes of one page, one per line")
    (((short, count), parts),) = read.items()
    if missing := sorted(set(range(1, count + 1)) - parts.keys()):
        names, are = _ranges(missing), "is" if len(missing) == 1 else "are"
        message = f"code{'s' * (len(missing) > 1)} {names} of {count} {are} missing"
        raise MissingInputError(message, "scan these and add their lines to the file")
    data = b"".join(parts[number] for number in sorted(parts))
    if _short(data) != short:
        raise ColdforgeError("the codes do not match their inventory's digest", "scan them again")
    return data


def read_inventory(path: Path) -> Inventory:
    """Read an inventory from its file, or from a text file of scanned codes."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MissingInputError(
            f"{path}: {error.strerror}", "name a file that mirror.have wrote"
        ) from error
    if not data.startswith(MAGIC[:-1]):
        data = read_codes(data.decode("utf-8", "replace"))
    return decode(data)


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8].upper()


def _check(head: str, part: bytes) -> bytes:
    return zlib.crc32(head.encode() + part).to_bytes(4, "big")


def _encode(head: str, part: bytes) -> str:
    return base64.b32encode(part + _check(head, part)).decode().rstrip("=")


def _chunk(head: str, text: str) -> bytes | None:
    """Decode a chunk; None if it was misread."""
    try:
        data = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        return None
    return data[:-4] if _check(head, data[:-4]) == data[-4:] else None


def _ranges(numbers: list[int]) -> str:
    """Format sorted numbers; three or more in a row as 4-6."""
    rows: list[list[int]] = []
    for number in numbers:
        if rows and number == rows[-1][-1] + 1:
            rows[-1].append(number)
        else:
            rows.append([number])
    words = [f"{row[0]}-{row[-1]}" if len(row) > 2 else ", ".join(map(str, row)) for row in rows]
    return ", ".join(words)
