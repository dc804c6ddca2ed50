"""Sockets that listen on this computer only."""

from __future__ import annotations

import os
import socket
from typing import Final

HOST: Final = "127.0.0.1"
HOST_6: Final = "::1"
_BACKLOG: Final = 512


def listening(port: int, host: str = HOST) -> socket.socket:
    """A socket that listens at a port of a loopback address; 0 is any that is free. Raises OSError."""
    family = socket.AF_INET6 if host == HOST_6 else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only then; without it each answer waits 40 ms for an ACK.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if os.name == "posix":  # elsewhere it lets two programs have one port
            # A port that a server used a moment ago is free for us: its old links must open again.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        # Two servers that start together can both bind; only one of them can listen.
        sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
