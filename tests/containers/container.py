"""What a container is to us, whoever wrote it down: compose.yaml, a manifest of Kubernetes. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Probe:
    """What asks a container how it is: a command run in it, or a GET of a path at one of its ports.

    Attributes:
        command: run with the container's environment; exit code 0 is a yes. Empty: ask over HTTP.
        port: the container's own port, as it stands in the file.
        path: of the page to ask for; 200 to 399 is a yes.
        headers: sent with the question, such as the Host that the product is known by.
    """

    command: tuple[str, ...] = ()
    port: int = 0
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Container:
    """One container of our own images, as its file describes it: nothing in it is mapped to this machine yet.

    Attributes:
        name: unique among those that run together; also the host name by which the others reach it.
        command: entrypoint and arguments in exec form, the image's own where the file does not say.
        env: the image's own environment with the file's over it; secrets are paths as seen inside.
        ports: those that it listens on.
        probe: when it is ready; None for a job, which is run to its end and must end with 0.
        alive: whether it should be started anew; None where nobody asks.
        after: the names that must be ready, or have ended well, before this one starts.
        image: the image's name and tag.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    probe: Probe | None = None
    alive: Probe | None = None
    after: tuple[str, ...] = ()
    image: str = ""

    @property
    def is_job(self) -> bool:
        """Whether it is run to its end."""
        return self.probe is None


def waves(containers: Sequence[Container]) -> Iterator[list[Container]]:
    """The containers in groups that start together, each after all that it waits for.

    What is not among them counts as there. Raises ValueError naming those that wait for each other.
    """
    left = {container.name: container for container in containers}
    while left:
        free = [each for each in left.values() if not set(each.after) & left.keys()]
        if not free:
            raise ValueError(f"these wait for each other: {', '.join(left)}")
        yield free
        for each in free:
            del left[each.name]
