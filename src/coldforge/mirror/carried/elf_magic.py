"""Which processor an ELF file is for, from its first bytes. Source: the System V ABI, gABI."""

HEAD = 20  # bytes that hold the magic number and e_machine
NAMES = {0x3E: "x86_64", 0xB7: "aarch64", 0x15: "ppc64le", 0x03: "x86"}


def machine(head: bytes) -> str:
    """Name the processor that a file starting with `head` is for; "" if it is no ELF file."""
    if len(head) < HEAD or not head.startswith(b"\x7fELF"):
        return ""
    number = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    return NAMES.get(number, f"machine {number}")
