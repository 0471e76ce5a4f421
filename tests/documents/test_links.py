"""Every link of every page leads somewhere: files and headings. Addresses of other machines are not asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.tools.markdown import ROOT, anchors, blocks, broken, links, pages, slug


def test_no_link_is_broken() -> None:
    found = pages()
    assert ROOT / "README.md" in found
    assert len(found) > 40
    assert [each for page in found for each in broken(page)] == []


def test_every_page_of_docs_can_be_reached_from_its_index() -> None:
    reached, ahead = set[Path](), [ROOT / "docs" / "README.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        targets = (
            target.partition("#")[0] for _, target in links(page.read_text(encoding="utf-8")) if ":" not in target
        )
        files = {(page.parent / target).resolve() for target in targets if target}
        more = {each / "README.md" if each.is_dir() else each for each in files}
        if ROOT / "docs" / "decisions" in files:
            more |= set((ROOT / "docs" / "decisions").glob("*.md"))
        ahead += [each for each in more if each.suffix == ".md" and each not in reached and each.exists()]
    assert sorted(path.name for path in (ROOT / "docs").rglob("*.md") if path not in reached) == []


def test_it_sees_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# One\n\n[ok](b.md#two-words) [gone](c.md)\n![no](x.png)\n`[code](z.md)`\n\n```\n[code](z.md)\n```\n"
        '[no heading](b.md#three) [own](#one) [out](../../etc) [far](https://example.org/#x)\n[ref]: d.md\n<img src="y.png">\n'
    )
    (tmp_path / "b.md").write_text("## Two `words`!\n")
    assert list(broken(tmp_path / "a.md", tmp_path)) == [
        "a.md:3: c.md: no such file",
        "a.md:4: x.png: no such file",
        "a.md:10: b.md#three: no such heading",
        "a.md:10: ../../etc: is outside of the repository",
        "a.md:12: y.png: no such file",
        "a.md:11: d.md: no such file",
    ]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [("Windows and macOS", "windows-and-macos"), ("`order.unresolved`", "orderunresolved"), ("1. A [link](x.md)", "1-a-link"),
     ("What is worth an alert?", "what-is-worth-an-alert"), ("Kite's words – and ours", "kites-words--and-ours")],
)  # fmt: skip
def test_anchors_are_made_as_the_usual_hosts_make_them(heading: str, anchor: str) -> None:
    assert slug(heading) == anchor


def test_headings_in_code_are_none_and_twins_are_numbered() -> None:
    assert anchors("# A\n\n```sh\n# B\n```\n## A\n") == {"a", "a-1"}
    assert [(each.line, each.info, each.body) for each in blocks("x\n```sh run\nls\n```\n")] == [(2, "sh run", "ls\n")]
