"""The documentation's commands work: the tutorial is run as it stands, and no page names a command that does not exist."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from appsmith_proxy.catalog import keys
from appsmith_proxy.cli import COMMANDS
from appsmith_proxy.registry import Registry
from appsmith_proxy.settings import load

ROOT: Final = Path(__file__).parents[2]
BLOCK: Final = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS: Final = 60.0

CURL: Final = '''#!{python}
"""Enough of curl for the tutorial, where there is none."""
import sys, urllib.error, urllib.request
url, headers, data, method, words = "", {{}}, None, None, iter(sys.argv[1:])
for word in words:
    if word == "-H":
        name, _, value = next(words).partition(": ")
        headers[name] = value
    elif word == "-d":
        text = next(words)
        data = sys.stdin.buffer.read().replace(b"\\n", b"") if text == "@-" else text.encode()
    elif word == "-X":
        method = next(words)
    elif word != "-sS":
        url = word
request = urllib.request.Request(url, data, headers, method=method)
try:
    answer = urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(request)
except urllib.error.HTTPError as error:
    answer = error
sys.stdout.buffer.write(answer.read())
'''


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[str]:
    """Run the demo in a folder, as ``make demo`` does but on a free port; give what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "appsmith_proxy", "demo", "--port", "0", cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        printed = ""
        async with asyncio.timeout(SECONDS):
            while "/actions/view?" not in printed:
                line = await process.stdout.readline()
                assert line, "the demo ended"
                printed += line.decode()
        yield printed
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(SECONDS):
            assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    page = (ROOT / "docs/tutorial/first-actions.md").read_text()
    blocks = BLOCK.findall(page)
    commands = "".join(text for language, text in blocks if language == "sh")
    expected = "".join(text for language, text in blocks if language == "text")
    assert len(blocks) > 20
    async with demo(tmp_path) as printed:
        told = {
            "API=http://127.0.0.1:8080/api/v1": f"API={_said(printed, r'serves on (http://[^ ]+)')}",
            "asp_the-viewer-token": _said(printed, r"viewer token +(asp_[^ \n]+)"),
            "asp_the-developer-token": _said(printed, r"developer token +(asp_[^ \n]+)"),
            "the-id-of-CustomerById": _said(printed, r"([0-9a-f]{24})  CustomerById"),
        }
        for placeholder, value in told.items():
            assert commands.count(placeholder) == 1
            commands = commands.replace(placeholder, value)
        out, err = await _bash(commands, tmp_path)
    assert err == ""
    pattern = ".*?".join(re.escape(part) for part in expected.split("…"))
    assert re.fullmatch(pattern, out), f"the tutorial says\n{expected}\nand its commands said\n{out}"


def test_no_page_names_a_command_that_does_not_exist() -> None:
    names = {name for name, *_ in COMMANDS} | {name.partition(" ")[0] for name, *_ in COMMANDS}
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = [
        (page.name, words)
        for page in pages
        for words in re.findall(
            r"(?:`|^)appsmith-proxy ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", page.read_text(), re.MULTILINE
        )
    ]
    assert len(named) > 10
    assert [row for row in named if row[1] not in names and row[1].partition(" ")[0] not in names] == []
    groups = {name.partition(" ")[0] for name, *_ in COMMANDS if " " in name}
    assert [row for row in named if row[1].partition(" ")[0] in groups and " " in row[1] and row[1] not in names] == []


def test_the_sample_settings_are_settings(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/serve.md").read_text()
    (sample,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    keys.init(tmp_path / "etc/keys")
    config = tmp_path / "settings.toml"
    config.write_text(sample.replace("/etc/appsmith-proxy", f"{tmp_path}/etc").replace("/var/lib", f"{tmp_path}/var"))
    settings = load({}, config, Registry.discover().drivers())
    assert settings.allowed_origins == {"https://apps.example.com"}
    assert settings.driver_options["sqlite"]["folder"] == f"{tmp_path}/var/appsmith-proxy/sqlite"


def _said(printed: str, pattern: str) -> str:
    found = re.search(pattern, printed)
    assert found is not None, printed
    return found[1]


async def _bash(commands: str, folder: Path) -> tuple[str, str]:
    programs = folder / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    if shutil.which("curl") is None:
        (programs / "curl").write_text(CURL.format(python=sys.executable))
        (programs / "curl").chmod(stat.S_IRWXU)
    bash = await asyncio.create_subprocess_exec(
        "bash",
        "-u",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)},
    )
    async with asyncio.timeout(SECONDS):
        out, err = await bash.communicate(commands.encode())
    return out.decode(), err.decode()
