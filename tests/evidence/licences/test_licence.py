import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.licenses import canonicalize_license_expression

from coldforge.evidence.licences.licence import UNKNOWN, licence

WORDS = st.sampled_from(
    ["GPL-2+", "MIT", "Expat", "or", "and", ",", "(", ")", "with", "odd thing", "BSD-3-clause", "+"]
)


@pytest.mark.parametrize(
    ("said", "expression"),
    [
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-3", "GPL-3.0-only"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
        ("Expat", "MIT"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("GPL-3+ with GCC-exception-3.1", "GPL-3.0-or-later WITH GCC-exception-3.1"),
        ("GPL-2+ or Artistic", "GPL-2.0-or-later OR Artistic-1.0-Perl"),
        ("MIT or Zlib, and GPL-3", "(MIT OR Zlib) AND GPL-3.0-only"),
        ("MIT and Zlib or GPL-3", "(MIT AND Zlib) OR GPL-3.0-only"),
        (", , or GPL-2+", "GPL-2.0-or-later"),
        ("GPL-2+, or ,", "GPL-2.0-or-later"),
        ("MIT AND (Apache-2.0 OR BSD-2-Clause)", "MIT AND (Apache-2.0 OR BSD-2-Clause)"),
        ("Apache 2.0 License", "Apache-2.0"),
    ],
)
def test_a_name_of_debian_or_python_becomes_that_of_spdx(said: str, expression: str) -> None:
    assert licence([said]).expression == expression
    assert licence([said]).names == {}


def test_a_name_nobody_standardised_is_referred_to_and_kept() -> None:
    found = licence(["My Own (v2)"])
    assert found.expression == "LicenseRef-My-Own-v2"
    assert found.names == {"LicenseRef-My-Own-v2": "My Own (v2)"}


def test_a_reference_of_the_package_s_own_is_named_too() -> None:
    assert licence(["LicenseRef-NVIDIA-Proprietary"]).names == {
        "LicenseRef-NVIDIA-Proprietary": "NVIDIA-Proprietary"
    }


def test_several_hold_together_sorted_and_choices_stay_choices() -> None:
    found = licence(["MIT", "GPL-2+ or Artistic", "Expat"])
    assert found.expression == "(GPL-2.0-or-later OR Artistic-1.0-Perl) AND MIT"
    nested = licence(["GPL-2+ or Artistic, and Zlib", "ISC and X11", "MIT"])
    assert (
        nested.expression
        == "((GPL-2.0-or-later OR Artistic-1.0-Perl) AND Zlib) AND ISC AND X11 AND MIT"
    )


def test_who_says_nothing_is_said_to_say_nothing() -> None:
    assert licence([]) == licence(["", "  "]) == UNKNOWN


@given(st.lists(WORDS.map(str) | st.text(max_size=12), max_size=6).map(" ".join))
def test_whatever_is_said_the_expression_is_a_sound_one(said: str) -> None:
    found = licence([said])
    if found != UNKNOWN:
        assert canonicalize_license_expression(found.expression)
        assert set(re.findall(r"LicenseRef-[A-Za-z0-9.-]+", found.expression)) == set(found.names)
