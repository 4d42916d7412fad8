from pathlib import Path

import pytest

from coldforge.engine.bench import machine


def test_a_processor_is_named_as_its_maker_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    machine.CPUINFO.write_text("processor\t: 0\nmodel name\t: Abacus 9: fast\n", "utf-8")
    assert machine.processor() == "Abacus 9: fast"
    machine.CPUINFO.unlink()
    assert machine.processor()


def test_what_was_not_looked_at_says_why() -> None:
    assert machine.machine({}, "no GPU")["skipped"] == {"nvml": "no GPU"}
    found = machine.machine({"name": "A10"}, "")
    assert (found["gpu"], found["skipped"]) == ({"name": "A10"}, {})
    assert found["cores"] > 0
