"""What users can type or set is documented; what is documented exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cwportal.cli import commands
from cwportal.config import KEYS, Key

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = {path: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]}
EVERYTHING = "\n".join(DOCS.values())


def walk(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with what one types."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from walk(below, (*words, name))
    else:
        yield " ".join(words), command


COMMANDS = dict(walk(commands, ("cwportal",)))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_key_stands_in_readme_with_its_default_and_meaning(key: Key) -> None:
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{key.name}` |")]
    assert row == f"| `{key.name}` | {f'`{key.default}`' if key.default else 'empty'} | {key.meaning} |"


def test_no_other_variable_is_read_or_documented() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "cwportal").rglob("*.py"))
    read = set(re.findall(r"CWPORTAL_[A-Z_]*[A-Z]", code))
    assert read - set(re.findall(r"CWPORTAL_[A-Z_]*[A-Z]", README)) == set()
    assert set(re.findall(r"CWPORTAL_[A-Z_]*[A-Z]", EVERYTHING)) - read - {"CWPORTAL_OPENAPI"} == set()


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_is_documented_with_every_option(words: str) -> None:
    text = DOCS[ROOT / "docs" / "commands.md"]
    places = [line for line in text.splitlines() if re.search(rf"`{re.escape(words)}[ `\]]", line)]
    assert places, f"{words} is missing in docs/commands.md"
    section = "\n".join(places) + (text[text.index("Options of `settings`") :] if words.endswith("settings") else "")
    for parameter in COMMANDS[words].params:
        for option in parameter.opts:
            if option.startswith("--"):
                assert option in section, f"{words} {option} is missing in docs/commands.md"


def test_commands_that_are_documented_exist_with_their_options() -> None:
    for path, text in DOCS.items():
        for line in re.findall(r"(?:\$ |^    |`)(cwportal [a-z][^`\n#]*)", text, re.MULTILINE):
            words = line.split()
            known = next((COMMANDS[" ".join(words[:n])] for n in (3, 2) if " ".join(words[:n]) in COMMANDS), None)
            assert known is not None, f"{path.name}: {line}"
            options = {option for parameter in known.params for option in parameter.opts}
            used = set(re.findall(r"--[a-z-]*[a-z]", line))
            assert used <= options | {"--help"}, f"{path.name}: {line}"


def test_links_lead_somewhere() -> None:
    for path, text in DOCS.items():
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            assert target.startswith("http") or (path.parent / target).exists(), f"{path.name}: {target}"


@pytest.mark.parametrize("path", sorted(ROOT.joinpath("cwportal").rglob("__init__.py")), ids=str)
def test_every_package_says_what_lives_there(path: Path) -> None:
    """Three lines, so that a reader knows where a thing belongs before opening anything."""
    text = path.read_text(encoding="utf-8")
    if path.parent == ROOT / "cwportal":
        return
    for line in ("Lives here:", "May import:", "Must never:"):
        assert line in text, f"{path.relative_to(ROOT)}: {line}"
