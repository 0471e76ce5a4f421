"""What a compiled requirements file asks for, and whether an environment has it."""

import sys
from pathlib import Path

import pytest

from app import bootstrap_pins as pins

THIS = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_pins_are_read_with_hashes_extras_and_comments_left_out(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(
        "# made by a tool\n"
        "Some_Package.name==1.2.3 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via other\n"
        "with-extra[fast]==2.0 \\\n    --hash=sha256:cc\n"
        "elsewhere==3 ; sys_platform == 'nowhere' \\\n    --hash=sha256:dd\n"
        f"here==4 ; python_version >= '{THIS}' \\\n    --hash=sha256:ee\n"
    )

    assert pins.read(file) == {"some-package-name": "1.2.3", "with-extra": "2.0", "here": "4"}


@pytest.mark.parametrize(
    ("marker", "applies"),
    [
        ("sys_platform == 'nowhere'", False),
        (f"sys_platform == '{sys.platform}'", True),
        ("sys_platform != 'nowhere' and implementation_name == 'nothing'", False),
        ("sys_platform == 'nowhere' or implementation_name != 'nothing'", True),
        ("(sys_platform == 'nowhere' or os_name != '') and python_version >= '3.9'", True),
        ("python_full_version < '3.9.100'", False),  # as numbers: 3.11 is above 3.9
        ("python_version in '3.11 3.12 3.13 3.14'", THIS in "3.11 3.12 3.13 3.14"),
        ("extra == 'unknown variable'", True),
        ("not a marker at all", True),
        ("python_version ~= '3.11'", True),
    ],
)
def test_markers_are_evaluated_and_count_as_true_when_not_understood(marker: str, applies: bool) -> None:
    assert pins.applies(marker) is applies


@pytest.mark.parametrize(
    ("wanted", "have", "verdict"),
    [
        ({"a": "1"}, {"a": "1", "b": "2"}, True),
        ({"a": "1"}, {"a": "1.1"}, False),
        ({"a": "1", "b": "2"}, {"a": "1"}, False),
        ({}, {"a": "1"}, False),
    ],
)
def test_an_environment_satisfies_pins_with_exactly_their_versions(
    wanted: dict[str, str], have: dict[str, str], verdict: bool
) -> None:
    assert pins.satisfied(wanted, have) is verdict


def test_this_environment_has_what_the_project_pins() -> None:
    """The tests run on the pinned versions, found by the same reading as at every start."""
    project = Path(__file__).resolve().parents[2]
    have = pins.installed(Path(sys.prefix))

    wrong = {
        name: (version, have.get(name))
        for name, version in pins.read(project / "requirements.txt").items()
        if have.get(name) != version
    }

    assert wrong == {}


def test_a_folder_that_is_no_environment_has_nothing(tmp_path: Path) -> None:
    assert pins.installed(tmp_path) == {}
