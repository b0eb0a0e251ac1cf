"""Put on the path as `sitecustomize`: notes what a process and its code ask the system for.

Python's audit events (PEP 578) name every file that is opened to be written, every address that is connected to or
looked up, every program that is started and every class that is unpickled. A line each, as JSON, goes to the file
that MER_WATCHED names.
"""

import json
import os
import sys

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND
_EVENTS = {
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "shutil.copyfile",
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pty.spawn",
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg", "urllib.Request",
    "pickle.find_class",
}  # fmt: skip


def _install() -> None:
    log = os.open(os.environ["MER_WATCHED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            if not (isinstance(flags, int) and flags & _WRITING) or isinstance(path, int):
                return
        elif event not in _EVENTS:
            return
        os.write(log, json.dumps([os.getpid(), event, [str(item) for item in arguments]]).encode() + b"\n")

    sys.addaudithook(note)
    os.write(log, json.dumps([os.getpid(), "watched", []]).encode() + b"\n")


if "MER_WATCHED" in os.environ:
    _install()
