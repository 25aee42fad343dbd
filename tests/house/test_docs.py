"""The documentation is true: pages made from code are what the code says, links lead somewhere, nothing is left out."""

import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Final

import pytest

from appsmith_proxy.errors import all_errors
from appsmith_proxy.registry import Registry, Status
from appsmith_proxy.sdk import Capability, HookSpecs
from appsmith_proxy.settings.reading import option_env
from docs.build import built
from tests.house.source import ROOT

PAGES: Final = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ +(.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> Iterator[str]:
    """Yield the links of a page that lead nowhere in the checkout."""
    for target in LINK.findall(FENCE.sub("", text_of(page))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(text_of(path))):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert not list(broken_links(page))


def test_a_planted_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One\n[a](missing.md) [b](#two) [c](#one) [d](https://example.com) `x` \n```\n[e](code.md)\n```\n"
    )
    assert list(broken_links(page)) == ["missing.md", "#two"]


@pytest.mark.parametrize(("path", "text"), list(built()), ids=lambda value: getattr(value, "name", ""))
def test_pages_made_from_code_are_up_to_date(path: Path, text: str) -> None:
    assert text_of(path) == text, "run: python -m docs.build"


@pytest.mark.parametrize("error", list(all_errors()), ids=lambda error: error.__name__)
def test_every_error_code_is_documented(error: type[Exception]) -> None:
    assert f"`{error.__name__}`" in text_of(ROOT / "docs/reference/errors.md")
    assert (error.__doc__ or "").rstrip().endswith("."), "an error says in a sentence what it means"


@pytest.mark.parametrize("name", [*Capability, *(hook for hook in vars(HookSpecs) if not hook.startswith("_"))])
def test_every_capability_and_hook_is_documented(name: str) -> None:
    assert f"`{name}`" in text_of(ROOT / "docs/reference/driver-contract.md")


def test_every_driver_has_a_page_that_begins_with_what_it_cannot_do() -> None:
    kinds = [entry.name for entry in Registry.discover().report() if entry.distribution == "appsmith-proxy"]
    assert len(kinds) >= 3
    for kind in kinds:
        text = text_of(ROOT / f"docs/drivers/{kind}.md")
        first = re.findall(r"^## (.+)$", text, re.MULTILINE)[0]
        assert first == "What it cannot do", kind


def test_every_field_and_option_of_a_driver_is_documented() -> None:
    for kind, driver in Registry.discover().drivers().items():
        text = text_of(ROOT / f"docs/drivers/{kind}.md")
        names = {row.name for row in (*driver.fields, *driver.actions)}
        names |= {option_env(kind, row) for row in driver.options}
        missing = sorted(name for name in names if f"`{name}`" not in text)
        assert not missing, f"docs/drivers/{kind}.md says nothing of {', '.join(missing)}"


def requirements() -> set[str]:
    """Return the distributions that setup.cfg asks for, always or in an extra."""
    packaging = ConfigParser(interpolation=None)
    packaging.read(ROOT / "setup.cfg", encoding="utf-8")
    lists = (packaging["options"]["install_requires"], *packaging["options.extras_require"].values())
    return set(re.findall(r"^([a-z][a-z0-9-]+)", "\n".join(lists), re.MULTILINE))


def test_every_dependency_has_its_reason_and_its_exact_version() -> None:
    page, constraints = text_of(ROOT / "docs/reference/dependencies.md"), text_of(ROOT / "constraints.txt")
    assert not sorted(name for name in requirements() if f"`{name}`" not in page)
    exact = re.findall(r"^([A-Za-z0-9_.-]+)==[0-9][^\s;]*$", constraints, re.MULTILINE)
    assert len(exact) == len(constraints.split()), "a constraint is one exact version"
    assert requirements() <= set(exact)


def test_our_own_drivers_are_all_active() -> None:
    refused = [entry for entry in Registry.discover().report() if entry.status is not Status.ACTIVE]
    assert not refused


def test_every_decision_is_on_the_list() -> None:
    folder = ROOT / "docs/adr"
    listed = text_of(folder / "README.md")
    for page in folder.glob("[0-9]*.md"):
        assert f"]({page.name})" in listed


@pytest.mark.parametrize("name", ["README", "ARCHITECTURE", "CONTRIBUTING", "SECURITY", "CHANGELOG"])
def test_the_house_has_its_pages(name: str) -> None:
    assert text_of(ROOT / f"{name}.md").startswith("# ")


def test_the_readme_fits_one_screen() -> None:
    lines = text_of(ROOT / "README.md").splitlines()
    assert len(lines) <= 50
    assert "make demo" in "\n".join(lines[:15])
    assert "make test" in "\n".join(lines[:15])


def test_the_image_keeps_no_secret_and_no_root() -> None:
    text = text_of(ROOT / "Dockerfile")
    stages = re.findall(r"^FROM (.+)$", text, re.MULTILINE)
    assert len(stages) == 2
    assert all(stage.startswith("${BASE}") for stage in stages), "the base image is a build argument"
    last = text.rpartition("FROM ")[2]
    user = re.findall(r"^USER (\S+)$", last, re.MULTILINE)
    assert user
    assert user[-1] not in ("root", "0")
    assert "HEALTHCHECK" in last
    assert not re.search(r"^(ENV|ARG) \S*(PASSWORD|SALT|TOKEN|SECRET|KEY)\S*=", text, re.MULTILINE)
