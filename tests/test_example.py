"""The example folder on disk."""

from pathlib import Path

import pytest
from hypothesis import given

from dlt.section.errors import SectionError
from dlt.section.example import Example, find_examples, read_example, write_example
from dlt.section.tree import Element, Layout, Node, Structure
from tests.strategies import sections

STRUCTURE = Structure((Node("div.ünï", -1, "Grüße"),))
LAYOUT = Layout((Element("section", ("div.ünï",), -1),), boxes=((0.0, 0.0, 1.0, 1.0),))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_example(tmp_path / "e1", Example("e1", STRUCTURE, LAYOUT, {"site": "s1"}), b"png")
    return tmp_path / "e1"


def test_an_example_is_read_back(folder: Path) -> None:
    assert read_example(folder) == Example("e1", STRUCTURE, LAYOUT, {"site": "s1"})
    assert (folder / "screenshot.png").read_bytes() == b"png"
    assert sorted(path.name for path in folder.parent.iterdir()) == ["e1"]


@given(sections())
def test_any_section_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, section: tuple[Structure, Layout]
) -> None:
    folder = tmp_path_factory.mktemp("any") / "e"
    example = Example("e", *section)
    write_example(folder, example, b"")
    assert read_example(folder) == example


def test_writing_again_replaces_all_files(folder: Path) -> None:
    write_example(folder, Example("e1", STRUCTURE, None), b"new")
    assert sorted(path.name for path in folder.iterdir()) == ["screenshot.png", "structure.json"]
    assert read_example(folder) == Example("e1", STRUCTURE, None)


def test_what_a_killed_writer_left_is_not_kept(folder: Path) -> None:
    aside = folder.with_name(".e1.partial")
    aside.mkdir()
    (aside / "meta.json").write_text('{"site": "stale"}')
    write_example(folder, Example("e1", STRUCTURE, LAYOUT), b"")
    assert read_example(folder).meta == {}
    assert not aside.exists()


def test_the_group_is_the_site_or_the_example(folder: Path) -> None:
    assert read_example(folder).group == "s1"
    assert Example("e1", STRUCTURE, None).group != Example("e2", STRUCTURE, None).group


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("structure.json", b"{", "structure.json: not JSON"),
        ("structure.json", b"\xff", "structure.json: not UTF-8 text"),
        ("layout.json", b"[]", "layout.json: an object expected"),
        ("meta.json", b"[]", "meta.json: an object expected"),
        ("meta.json", b"{", "meta.json: not JSON"),
        ("meta.json", b'{"a": NaN}', "meta.json: not JSON"),
        ("meta.json", b'{"a": "\\ud800"}', "meta.json: not JSON"),
        ("meta.json", b'{"a": ' + b"9" * 5000 + b"}", "meta.json: not JSON"),
        ("meta.json", b'{"a": ' * 100_000 + b"1" + b"}" * 100_000, "meta.json: not JSON"),
    ],
)
def test_a_bad_file_is_named(folder: Path, name: str, content: bytes, message: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(SectionError, match=message):
        read_example(folder)


def test_a_missing_structure_is_named(folder: Path) -> None:
    (folder / "structure.json").unlink()
    with pytest.raises(SectionError, match=r"structure\.json: No such file"):
        read_example(folder)


def test_a_huge_file_is_refused_unread(folder: Path) -> None:
    with (folder / "structure.json").open("wb") as file:
        file.truncate(1 << 40)  # sparse: it takes no space
    with pytest.raises(SectionError, match=r"structure\.json: larger than"):
        read_example(folder)


def test_examples_are_found_by_split_and_sorted(tmp_path: Path) -> None:
    for name in ("train/b", "train/a", "val/c", "d", ".hidden", "train/.a.partial"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("no example")
    found = {
        split: [path.name for path in folders] for split, folders in find_examples(tmp_path).items()
    }
    assert found == {"train": ["a", "b"], "val": ["c"], "": ["d"]}
    assert find_examples(tmp_path / "absent") == {}
