"""The registry: what is found, what is refused and why, and that one bad plugin stops nobody else."""

import itertools
import logging
from collections.abc import Callable
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from textwrap import dedent
from typing import TypeAlias

import pytest

from appsmith_proxy.errors import IncompatibleDriver
from appsmith_proxy.registry import Registry, Status

Install: TypeAlias = Callable[..., EntryPoint]

_numbers = itertools.count()

SOUND = """
from appsmith_proxy.sdk import Client, Driver, Payload, hookimpl

class Sound(Driver):
    kind = "{kind}"
    title = "Sound"
    payload = Payload.DOCUMENT
    api_version = {version}

    async def open(self, configuration, secrets, context):
        raise NotImplementedError

@hookimpl
def register_drivers():
    return [Sound()]
"""


def sound(kind: str = "sound", version: int = 1) -> str:
    return SOUND.format(kind=kind, version=version)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution of one plugin module for real: files, metadata and an entry point."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(source: str, *, name: str = "sample", extras: tuple[str, ...] = ()) -> EntryPoint:
        module = f"sample_plugin_{next(_numbers)}"
        (tmp_path / f"{module}.py").write_text(dedent(source))
        info = tmp_path / f"{module}-2.5.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {module}", "Version: 2.5", *(f"Provides-Extra: {x}" for x in extras)]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        (info / "entry_points.txt").write_text(f"[appsmith_proxy.drivers]\n{name} = {module}\n")
        (found,) = (point for dist in distributions(path=[str(tmp_path)], name=module) for point in dist.entry_points)
        return found

    return install


def only(registry: Registry, status: Status) -> str:
    """Return the reason of a report that has one entry of this status."""
    (entry,) = registry.report()
    assert entry.status is status
    return entry.reason


def test_our_own_plugins_are_found_as_a_strangers_are() -> None:
    entries = {entry.name: entry for entry in Registry.discover().report()}
    assert {"postgres", "rest", "sqlite"} <= set(entries)
    assert entries["sqlite"].distribution == "appsmith-proxy"


def test_a_sound_plugin_is_active_with_its_distribution_and_version(install: Install) -> None:
    point = install(sound())
    (entry,) = Registry.discover(entry_points=[point]).report()
    assert (entry.name, entry.status, entry.reason, entry.kinds) == ("sample", Status.ACTIVE, "", ("sound",))
    assert entry.version == "2.5"
    assert entry.distribution.startswith("sample_plugin_")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('canary-secret')", "importing it raised RuntimeError (at sample_plugin_"),
        ("raise SystemExit('canary-secret')", "importing it raised SystemExit (at sample_plugin_"),
        ("def (", "importing it raised SyntaxError"),
        (
            sound().replace("return [Sound()]", "raise ValueError('canary-secret')"),
            "register_drivers raised ValueError (at sample_plugin_",
        ),
        (sound().replace("return [Sound()]", "yield Sound(); raise KeyError('canary-secret')"), "raised KeyError"),
        (sound().replace("[Sound()]", "['canary-secret']"), "it registered a str, which is not a Driver"),
        (sound().replace("register_drivers", "register_canary"), "hooks that this version does not have: register_can"),
        (sound().replace("register_drivers()", "register_drivers(other)"), "reading its hooks raised PluginValidation"),
        (sound(kind="Not A Kind"), "kind must be lower-case letters"),
    ],
)
def test_a_bad_plugin_is_quarantined_and_stops_nobody(install: Install, source: str, reason: str) -> None:
    bad, good = install(source, name="bad"), install(sound(), name="good")
    registry = Registry.discover(entry_points=[good, bad])
    entries = {entry.name: entry for entry in registry.report()}
    assert entries["bad"].status is Status.QUARANTINED
    assert reason in entries["bad"].reason
    assert "canary-secret" not in entries["bad"].reason
    assert entries["good"].status is Status.ACTIVE
    assert list(registry.drivers()) == ["sound"]


def test_a_missing_library_names_the_extra_to_install(install: Install) -> None:
    point = install("import no_such_library.part", extras=("sample",))
    reason = only(Registry.discover(entry_points=[point]), Status.QUARANTINED)
    assert reason.startswith("the library no_such_library is missing: install sample_plugin_")
    assert reason.endswith("[sample]")


def test_a_library_that_is_missed_late_names_the_extra_too(install: Install) -> None:
    source = sound().replace("return [Sound()]", "import no_such_library")
    reason = only(Registry.discover(entry_points=[install(source, extras=("sample",))]), Status.QUARANTINED)
    assert reason.endswith("[sample]")


def test_a_missing_library_without_an_extra_names_the_library(install: Install) -> None:
    reason = only(Registry.discover(entry_points=[install("import no_such_library")]), Status.QUARANTINED)
    assert reason == "the library no_such_library is missing: install the distribution of no_such_library"


def test_another_contract_version_is_incompatible(install: Install) -> None:
    registry = Registry.discover(entry_points=[install(sound(version=99))])
    assert "version 99 of the contract" in only(registry, Status.INCOMPATIBLE)
    assert not registry.drivers()


def test_a_taken_kind_is_blocked_and_the_first_by_name_keeps_it(install: Install) -> None:
    second, first = install(sound(), name="b"), install(sound(), name="a")
    registry = Registry.discover(entry_points=[second, first])
    assert [(entry.name, entry.status) for entry in registry.report()] == [("a", Status.ACTIVE), ("b", Status.BLOCKED)]
    assert registry.report()[1].reason == "the kind sound is already taken by the plugin a"


def test_a_taken_plugin_name_is_blocked(install: Install) -> None:
    registry = Registry.discover(entry_points=[install(sound("one")), install(sound("two"))])
    assert [entry.status for entry in registry.report()] == [Status.ACTIVE, Status.BLOCKED]


def test_drivers_of_one_plugin_are_judged_one_by_one(install: Install) -> None:
    source = sound() + "\nclass Other(Sound):\n    kind = 'other'\n    api_version = 2\n"
    registry = Registry.discover(entry_points=[install(source.replace("[Sound()]", "[Other(), Sound()]"))])
    statuses = {entry.kinds: entry.status for entry in registry.report()}
    assert statuses == {("sound",): Status.ACTIVE, ("other",): Status.INCOMPATIBLE}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("bad", "is quarantined: importing it raised"),
        ("unknown", "kind unknown is installed"),
        ("{{x}}", "of that nam"),
    ],
)
def test_an_absent_driver_says_why(install: Install, kind: str, words: str) -> None:
    registry = Registry.discover(entry_points=[install("raise RuntimeError", name="bad")])
    with pytest.raises(IncompatibleDriver, match=words):
        registry.driver(kind)


def test_two_registries_share_nothing(install: Install) -> None:
    point = install(sound())
    one, two, empty = (Registry.discover(entry_points=points) for points in ([point], [point], []))
    assert one.driver("sound") is not two.driver("sound")
    assert not empty.drivers()


OBSERVER = """
from appsmith_proxy.sdk import hookimpl

seen = []

@hookimpl
def on_startup(context):
    context["changed"] = True
    seen.append(context)

@hookimpl
def on_shutdown():
    seen.append("down")
"""
RAISING = OBSERVER.replace("    seen.append", "    raise RuntimeError('canary-secret')\n    seen.append")


def test_observers_are_called_each_behind_its_own_guard(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    points = [install(RAISING, name="a"), install(OBSERVER, name="b"), install(RAISING, name="c")]
    registry = Registry.discover(entry_points=points)
    with caplog.at_level(logging.ERROR):
        registry.startup("1.2.3")
        registry.shutdown()
    assert points[1].load().seen == [{"version": "1.2.3", "changed": True}, "down"]
    assert len(caplog.records) == 4
    assert "RuntimeError" in caplog.text
    assert "canary-secret" not in caplog.text


def test_plugins_can_be_passed_as_objects(install: Install) -> None:
    module = install(sound()).load()
    registry = Registry.discover(entry_points=[], plugins=[module, module])
    assert [entry.status for entry in registry.report()] == [Status.ACTIVE, Status.BLOCKED]
    assert list(registry.drivers()) == ["sound"]
