"""docs/: what is generated is fresh, what is linked exists, and the connector's page has Airbyte's headings."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from source_syfter import conventions
from source_syfter.spec import manifest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *(page for folder in ("[!.]*", "examples/*") for page in sorted(ROOT.glob(f"{folder}/README.md"))),
]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    found = importlib.util.spec_from_file_location("generate_docs", ROOT / "tools" / "docs.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # dataclasses look their module up
    found.loader.exec_module(module)
    return module


def test_the_generated_tables_are_fresh(generator: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert generator.main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_table_is_found_and_rewritten(generator: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "docs" / "syfter.md"
    page.parent.mkdir()
    page.write_text("before\n<!-- generated: streams -->\nold\n<!-- end -->\nafter\n")
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    monkeypatch.setattr(generator, "DOCS", tmp_path / "docs")
    assert generator.main(["--check"]) == 1
    assert "old" in page.read_text()
    assert generator.main([]) == 0
    written = page.read_text()
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    assert "`/api/companies`" in written
    assert generator.main(["--check"]) == 0


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: str(page.stem))
def test_each_page_says_first_who_it_is_for_and_what_of_it_is_made(page: Path) -> None:
    text = page.read_text()
    says = re.match(r"# [^\n]+\n\n\*For [^*\n]+\.\*( \*`make docs` writes [^\n]+\*)?\n\n", text)
    assert says
    assert bool(says[1]) == ("<!-- generated:" in text)


def test_each_table_is_shown_somewhere() -> None:
    shown = {name for page in PAGES for name in re.findall(r"<!-- generated: ([\w-]+) -->", page.read_text())}
    assert shown == {"streams", "fields", "settings", "assumptions", "errors", "faults"}


def test_each_convention_is_told_once_as_an_assumption() -> None:
    told = [setting for room in conventions.ROOMS for each in room.ASSUMED for setting in each.settings]
    spec = manifest()["spec"]["connection_specification"]["properties"]["conventions"]["properties"]

    assert sorted(each for each in told if each.startswith("conventions.")) == sorted(f"conventions.{name}" for name in spec)


def test_every_test_that_the_connector_names_in_a_comment_exists() -> None:
    sources = [file.read_text() for kind in ("py", "yaml") for file in (ROOT / "source_syfter").glob(f"*.{kind}")]
    named = set(re.findall(r"\btest_\w+", "\n".join(sources)))
    files = [file for folder in ("unit_tests", "integration_tests") for file in (ROOT / folder).rglob("test_*.py")]
    known = {file.stem for file in files} | {name for f in files for name in re.findall(r"^def (test_\w+)", f.read_text(), re.M)}
    assert named
    assert not named - known


HEADINGS = [
    "Prerequisites",
    "Setup guide",
    "Supported sync modes",
    "Supported Streams",
    "Performance considerations",
    "Data type map",
    "Limitations & Troubleshooting",
    "Tutorials",
    "IP allow list",
    "Changelog",
]


def test_the_connectors_page_has_airbytes_headings_in_airbytes_order() -> None:
    text = (ROOT / "docs" / "syfter.md").read_text()
    assert text.startswith("# Syfter\n")
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == HEADINGS
    assert re.findall(r"^### (.*)$", text.split("## Setup guide")[1].split("\n## ")[0], flags=re.MULTILINE)[:2] == [
        "Set up Syfter",
        "Set up the Syfter connector in Airbyte",
    ]
    assert re.search(r"## Changelog\n\n<details>", text)


def test_behaviours_are_numbered_without_gaps_and_say_why() -> None:
    parts = re.split(r"^## (\d+)\. ", (ROOT / "docs" / "behaviours.md").read_text(), flags=re.MULTILINE)[1:]
    numbers, texts = parts[::2], parts[1::2]
    assert [int(number) for number in numbers] == list(range(1, len(numbers) + 1))
    for text in texts:
        assert "**Why it matters:**" in text, text.splitlines()[0]


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def links(page: Path) -> list[tuple[str, Path, str]]:
    """The links of a page to files: as written, the file, and the heading in it."""
    found = (target for target in re.findall(r"\]\(([^)]+)\)", page.read_text()) if not target.startswith("https://"))
    split = [(target, *target.partition("#")[::2]) for target in found]
    return [(target, (page.parent / file).resolve() if file else page, anchor) for target, file, anchor in split]


def test_each_page_is_linked_from_another() -> None:
    linked = {file for page in PAGES for _, file, _ in links(page) if file != page}
    assert set(PAGES) <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target, linked, anchor in links(page):
        assert linked.exists(), target
        if anchor:
            assert anchor in {slug(h) for h in re.findall(r"^#+ (.*)$", linked.read_text(), flags=re.MULTILINE)}, target


def test_the_readme_is_one_screen() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 60
