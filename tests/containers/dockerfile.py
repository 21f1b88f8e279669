"""Reads our Dockerfile: what an image of one of its stages runs, is told and holds. Builds nothing.

Knows the instructions that ours uses, in their exec and key=value forms; refuses any other.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = ROOT / "Dockerfile"
#: What a stage that is not run here leaves -> where the same lies on this machine; the rest is not needed.
MADE_HERE: Final = {"/build/app/static/dist": ROOT / "app/static/dist"}
#: What .dockerignore leaves out of the folders that it lets in.
LEFT_OUT: Final = shutil.ignore_patterns("node_modules", "__pycache__", "dist")
WITHOUT_MEANING: Final = ("RUN", "WORKDIR")


@dataclass(frozen=True)
class Copy:
    """One COPY: `sources` of the stage `stage`, or of our own files where that is empty."""

    sources: tuple[str, ...]
    target: str
    stage: str


@dataclass
class Image:
    """What a container made of the image gets from it.

    Attributes:
        base: the image of others that it all begins with.
        env, labels: with the build's arguments put in.
        command: of CMD. `health`: of HEALTHCHECK. Both in exec form.
        user: of USER; empty stands for root.
    """

    base: str
    env: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    user: str = ""
    copies: list[Copy] = field(default_factory=list)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction with its argument, continued lines joined, comments dropped."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n\s*", " ", lines).splitlines():
        if line.strip():
            name, _, argument = line.strip().partition(" ")
            yield name.upper(), argument.strip()


def stages(text: str) -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage by its name, FROM first; in their order."""
    found: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for instruction, argument in instructions(text):
        if instruction == "FROM":
            name = argument.rpartition(" AS ")[2]
            found[name] = []
        found[name].append((instruction, argument))
    return found


def read_image(target: str, args: Mapping[str, str], text: str | None = None) -> Image:
    """The image of one stage, built with these arguments. Raises ValueError for what it does not know."""
    known = stages(DOCKERFILE.read_text(encoding="utf-8") if text is None else text)
    chain: list[tuple[str, str]] = []
    base = target
    while base in known:
        chain = known[base][1:] + chain
        base = known[base][0][1].split(" AS ")[0]
    image, values = Image(base), dict[str, str]()
    for instruction, argument in chain:
        if instruction == "ARG":
            name, _, default = argument.partition("=")
            values[name] = args.get(name, default)
        elif instruction not in WITHOUT_MEANING:
            _take(image, instruction, argument, values)
    return image


def _take(image: Image, instruction: str, argument: str, values: Mapping[str, str]) -> None:
    if instruction in {"ENV", "LABEL"}:
        pairs = (each.partition("=") for each in shlex.split(argument))
        said = {name: _put_in(value, values) for name, _, value in pairs}
        (image.env if instruction == "ENV" else image.labels).update(said)
    elif instruction == "CMD":
        image.command = tuple(json.loads(argument))
    elif instruction == "HEALTHCHECK":
        image.health = tuple(json.loads(argument.partition("CMD ")[2]))
    elif instruction == "EXPOSE":
        image.ports += tuple(map(int, argument.split()))
    elif instruction == "USER":
        image.user = argument
    elif instruction == "COPY":
        words = argument.split()
        stage = next((word.partition("=")[2] for word in words if word.startswith("--from=")), "")
        *sources, target = (word for word in words if not word.startswith("--"))
        image.copies.append(Copy(tuple(sources), target, stage))
    else:
        raise ValueError(f"the Dockerfile has an instruction that its reader does not know: {instruction}")


def _put_in(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda found: values.get(found[1], found[0]), text)


def fill(folder: Path, image: Image) -> None:
    """Put into a folder what the image holds at its working directory, as far as it is made of our files."""
    for copy in image.copies:
        for source in copy.sources:
            here = MADE_HERE.get(source) if copy.stage else ROOT / source
            if here is None:
                continue
            target = folder / copy.target / here.name if copy.target == "./" else folder / copy.target
            if here.is_dir():
                shutil.copytree(here, target, ignore=LEFT_OUT, dirs_exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(here, target)
