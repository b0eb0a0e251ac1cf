"""ROS domains for tests that run beside each other."""

from __future__ import annotations

import os
from itertools import count

_MOST = 100  # domains beyond need ports that the system may give to others
_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_run = os.getppid() if _workers > 1 else os.getpid()  # the same for all workers of a run
_numbers = count()


def own_domain_id() -> str:
    """A ROS domain that no other worker of this run uses; that another run does is unlikely."""
    return str(1 + (_run * 7 + _worker + _workers * next(_numbers)) % _MOST)
