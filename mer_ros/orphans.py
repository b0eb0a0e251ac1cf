"""Ends a node with the process that started it, however that has ended: also by SIGKILL. On Linux."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

STARTED_BY = "MER_STARTED_BY"  # the variable that tells a node the id of the process that started it
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent() -> None:
    """Have SIGTERM sent to this process when the one named by STARTED_BY ends; end at once where it has already.

    The system counts the end of the thread that started a process as that of its parent.
    """
    parent = os.environ.pop(STARTED_BY, "")
    if not parent or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if str(os.getppid()) != parent:
        os._exit(0)
