"""What a service is told when it starts."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from showface.errors import SettingError

MIB = 1 << 20
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SHORTEST_TOKEN = 16  # characters


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the service listens, who may use it, and how much of this machine it may take."""

    host: str = "127.0.0.1"  # an address of this machine; any but loopback needs a token
    port: int = 8000  # 0 = any free one
    token: str | None = None  # what callers of /v1 and /metrics have to bring; None = nothing
    allow_hosts: tuple[str, ...] = ()  # further names under which it is reached, as behind a proxy; without port
    weights: str | None = None  # as `FaceInpainter.from_pretrained` takes it
    device: str = "auto"
    precision: str = "float32"  # as `FaceInpainter` takes it
    threads: int | None = None  # of torch, shared by the workers; None = as torch finds best
    workers: int = 1  # pictures that are worked on at once
    queue: int = 32  # requests that may wait beside; more are told to come again
    body_limit: int = 64 * MIB  # bytes of one request
    held_limit: int = 512 * MIB  # bytes of all requests that wait or are worked on
    pixel_limit: int = 50_000_000  # of a picture, known before it is decoded
    body_seconds: float = 60.0  # in which a request must have arrived
    seconds: float = 120.0  # in which it must have been answered from then on
    keep_seconds: float = 900.0  # for which a picture is kept after it was last used
    keep_count: int = 32  # kept pictures; the one that was unused for longest makes room
    keep_bytes: int = 256 * MIB  # of all kept pictures

    def __post_init__(self) -> None:
        for name in ("workers", "body_limit", "pixel_limit", "body_seconds", "seconds", "keep_seconds", "keep_count"):
            if not getattr(self, name) > 0:
                raise SettingError(f"expected {name} above 0, found {getattr(self, name)}")
        if self.queue < 0 or not 0 <= self.port <= 65535:
            raise SettingError(f"expected a queue of 0 or more and a port up to 65535, found {self.queue}, {self.port}")
        if self.body_limit > min(self.held_limit, self.keep_bytes):
            raise SettingError("expected a body_limit that neither held_limit nor keep_bytes is below")
        if not is_loopback(self.host) and self.token is None:
            raise SettingError(
                f"{self.host} can be reached by others: give a --token of at least {SHORTEST_TOKEN} characters "
                "(SHOWFACE_TOKEN), or stay on 127.0.0.1"
            )
        if self.token is not None and not (len(self.token) >= SHORTEST_TOKEN and self.token.isascii()):
            raise SettingError(f"expected a token of at least {SHORTEST_TOKEN} ASCII characters")

    @property
    def names(self) -> frozenset[str]:
        """The host names and addresses, in lower case and without port, under which a request may come."""
        return frozenset(name.lower() for name in (*LOOPBACK, self.host, *self.allow_hosts))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
