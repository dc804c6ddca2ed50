"""Ports that a test gives up and takes again."""

import socket
from random import SystemRandom


def own_port() -> int:
    """A port on which nobody listens, and which the system gives to nobody who asks for any: it stays free."""
    while True:
        port = SystemRandom().randrange(20_000, 32_000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
