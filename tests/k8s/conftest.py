"""What a test of the manifests may ask for: the same as one of compose.yaml."""

from tests.containers.conftest import image, room, servers_outside

__all__ = ["image", "room", "servers_outside"]
