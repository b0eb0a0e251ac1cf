"""Two hosts on this machine: network namespaces joined by a virtual link that delays and loses frames.

Run as a program it holds both ends (a TAP device each) and forwards between them, as the kernel's own emulation (netem)
is not built into every kernel. Everything it made is gone when its process is: nothing can be left behind.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

ADDRESSES = {"robot": "10.67.0.1", "desk": "10.67.0.2"}
DEVICE = "link0"
# A host has a network and a shared memory of its own.
_HOST = (
    "mount -t tmpfs none /dev/shm && ip link set lo up && ip tuntap add dev {device} mode tap"
    " && ip address add {address}/24 dev {device} && ip link set {device} txqueuelen 20000 up && echo ready && exec cat"
)
_AS_ROOT = ("unshare", "--user", "--map-root-user", "--net", "--mount")
_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _TAP_WITHOUT_HEADER = 0x400454CA, 0x1002
_FRAME = 65_536


class Hosts:
    """The two hosts while they are there; the link's delay, loss and state can be changed at any time."""

    def __init__(self, process: subprocess.Popen[str], holders: dict[str, int]) -> None:
        self._process = process
        self._holders = holders

    def on(self, host: str, *command: str) -> list[str]:
        """Return the command line that runs a command on a host."""
        return ["nsenter", "--target", str(self._holders[host]), "--user", "--net", "--mount", *command]

    def link(self, *, delay_ms: float, loss: float, seed: int = 1) -> None:
        """Delay each frame of either direction, and lose a share of them."""
        _write(self._process.stdin, f"{delay_ms} {loss} {seed}")

    def cut(self, host: str) -> None:
        """Take a host's end of the link down, as when its network goes away."""
        self._set(host, "down")

    def mend(self, host: str) -> None:
        """Bring it up again."""
        self._set(host, "up")

    def _set(self, host: str, state: str) -> None:
        subprocess.run(self.on(host, "ip", "link", "set", DEVICE, state), check=True)


@contextmanager
def hosts() -> Iterator[Hosts]:
    """Make the two hosts; skips the test where this user or this machine cannot."""
    missing = [tool for tool in ("unshare", "nsenter", "ip", "mount") if shutil.which(tool) is None]
    if missing or not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip(f"no virtual hosts: {', '.join(missing) or '/dev/net/tun'} is not there")
    process = subprocess.Popen(
        [*_AS_ROOT, sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        holders = process.stdout.readline().split()
        if len(holders) != len(ADDRESSES):
            pytest.skip("no network namespaces can be made here")
        yield Hosts(process, dict(zip(ADDRESSES, map(int, holders), strict=True)))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


def _write(stream: IO[str] | None, line: str) -> None:
    assert stream is not None
    stream.write(line + "\n")
    stream.flush()


class Direction:
    """Frames on their way from one end to the other."""

    def __init__(self, source: int, target: int) -> None:
        self.source, self.target = source, target
        self._way: deque[tuple[float, bytes]] = deque()

    def take(self, now_s: float, delay_s: float, loses: bool) -> None:
        """Take a frame from its source."""
        frame = os.read(self.source, _FRAME)
        if not loses:
            self._way.append((now_s + delay_s, frame))

    def deliver(self, now_s: float) -> float | None:
        """Give out what is due; return the seconds until the next frame is, None without one."""
        while self._way and self._way[0][0] <= now_s:
            _, frame = self._way.popleft()
            try:
                os.write(self.target, frame)
            except OSError:  # this end is down
                continue
        return self._way[0][0] - now_s if self._way else None


def forward(ends: list[int]) -> None:
    """Forward frames until our input ends; each of its lines tells delay, loss and seed from now on."""
    directions = {ends[0]: Direction(*ends), ends[1]: Direction(*reversed(ends))}
    delay_s, loss, dice = 0.0, 0.0, random.Random(1)
    while True:
        waits = [wait for way in directions.values() if (wait := way.deliver(time.monotonic())) is not None]
        ready, _, _ = select.select([0, *directions], [], [], min(waits, default=None))
        for number in ready:
            if number:
                directions[number].take(time.monotonic(), delay_s, dice.random() < loss)
                continue
            line = os.read(0, 4096)
            if not line:
                return
            delay_ms, loss, seed = map(float, line.decode().splitlines()[-1].split())
            delay_s, dice = delay_ms / 1e3, random.Random(seed)


def end_of(holder: int) -> int:
    """Return an open end of the link in a host's namespace; its process forwards for it from outside."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as home, open(f"/proc/{holder}/ns/net") as there:
        for where in (there, home):
            if libc.setns(where.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            if where is there:
                end = os.open("/dev/net/tun", os.O_RDWR)
                fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _TAP_WITHOUT_HEADER))
    return end


def main() -> None:
    """Make both hosts, tell the ids of their processes, and forward."""
    holders = []
    for address in ADDRESSES.values():
        script = _HOST.format(device=DEVICE, address=address)
        command = ["unshare", "--net", "--mount", "sh", "-c", script]
        holders.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert holders[-1].stdout is not None
        assert holders[-1].stdout.readline() == b"ready\n"
    ends = [end_of(holder.pid) for holder in holders]
    print(*(holder.pid for holder in holders), flush=True)
    try:
        forward(ends)
    finally:
        for holder in holders:
            assert holder.stdin is not None
            holder.stdin.close()
            holder.wait()


if __name__ == "__main__":
    main()
