"""The graph while it works: it connects to nothing but DDS's own sockets, and writes nothing but its logs.

Python's audit events tell what its code asks for (`watched.py`); open files, sockets and folders that are looked at
again and again tell the same of the libraries below it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from ear import Ear

from mer_ros.graph import GraphSettings, describe
from mer_ros.run import GraphProcesses

pytestmark = [pytest.mark.graph, pytest.mark.slow, pytest.mark.timeout(300)]
HERE = Path(__file__).parent
# Memory that DDS shares, terminals, and locks and caches of the interpreter's own code.
OF_NO_FILE = re.compile(r"/dev/|/proc/|/memfd:|socket:|pipe:|anon_inode:|.*/__pycache__/")
DDS_PORTS = (7400, 250)  # RTPS 2.5, 9.6.2: first port, and ports of a domain
FAST_DDS_PORTS = range(7000, 7400)  # of each participant one more: 7000 and its number


def sockets(pid: int) -> list[tuple[str, str, str, str]]:
    """The internet sockets of a process: protocol, local and remote address, state, as /proc has them."""
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return []
    own = {link[8:-1] for link in links if link.startswith("socket:[")}
    found = []
    for protocol in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        try:
            lines = Path(f"/proc/{pid}/net/{protocol}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            part = line.split()
            if part[9] in own:
                found.append((protocol, part[1], part[2], part[3]))
    return found


def written(pid: int) -> set[str]:
    """The files that a process has open to be written."""
    found = set()
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            info = Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
            flags = int(next(line.split()[1] for line in info.splitlines() if line.startswith("flags")), 8)
            if flags & (os.O_WRONLY | os.O_RDWR):
                found.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
    except (OSError, StopIteration):
        pass
    return found


@pytest.fixture(scope="module", params=[False, True], ids=["processes", "composed"])
def seen(request, own_domain, patient_end, tmp_path_factory) -> SimpleNamespace:
    root = tmp_path_factory.mktemp("watched")
    folders = {name: root / name for name in ("home", "tmp", "cwd", "logs", "site", "ros")}
    for folder in folders.values():
        folder.mkdir()
    shutil.copy(HERE / "watched.py", folders["site"] / "sitecustomize.py")
    path = os.pathsep.join(filter(None, [str(folders["site"]), os.environ.get("PYTHONPATH")]))
    log = folders["ros"] / "audit.jsonl"
    changed = {
        "HOME": folders["home"], "TMPDIR": folders["tmp"], "XDG_CACHE_HOME": folders["home"] / ".cache",
        "ROS_LOG_DIR": folders["ros"], "MER_WATCHED": log, "PYTHONPATH": path,
    }  # fmt: skip
    found = SimpleNamespace(sockets=set(), files=set(), folders=folders, ear=Ear())
    with pytest.MonkeyPatch.context() as patch:
        for name, value in changed.items():
            patch.setenv(name, str(value))
        patch.chdir(folders["cwd"])
        graph = describe(GraphSettings(play="sample", composed=request.param))
        with GraphProcesses(graph, folders["logs"]) as processes:
            until = time.monotonic() + 150
            while len(found.ear.heard["emotion"]) < 2 and processes.poll() and time.monotonic() < until:
                for spec in graph.nodes:
                    pid = processes.pid_of(spec.name)
                    found.sockets |= set(sockets(pid))
                    found.files |= written(pid)
                time.sleep(0.05)
    found.processes = len(graph.nodes)
    found.emotions = len(found.ear.heard["emotion"])
    found.ear.close()
    found.events = [json.loads(line) for line in log.read_text().splitlines()]
    return found


def test_it_worked_while_it_was_watched(seen):
    assert seen.emotions >= 2
    assert seen.sockets
    assert len({pid for pid, event, _ in seen.events if event == "watched"}) == seen.processes


def test_no_connection_is_made_but_those_of_dds(seen):
    first, count = DDS_PORTS
    low = first + count * int(os.environ["ROS_DOMAIN_ID"])
    for protocol, local, remote, state in seen.sockets:
        assert protocol.startswith("udp"), (protocol, local, remote, state)  # no TCP, neither out nor in
        assert set(remote.split(":")[0]) == {"0"}, remote  # no peer that is fixed: DDS sends where it has discovered
        port = int(local.split(":")[1], 16)
        ephemeral = port >= int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        assert low <= port < low + count or port in FAST_DDS_PORTS or ephemeral, port
    asked = [event for event in seen.events if event[1].startswith(("socket.", "urllib."))]
    assert asked == []


def test_nothing_is_written_but_logs(seen):
    logs = tuple(str(seen.folders[name]) for name in ("logs", "ros"))
    stray = [file for file in seen.files if not file.startswith(logs) and not OF_NO_FILE.match(file)]
    assert stray == []
    opened = [arguments[0] for _, event, arguments in seen.events if event == "open" or event.startswith("os.")]
    assert [path for path in opened if not path.startswith(logs) and not OF_NO_FILE.match(path)] == []
    for name in ("home", "tmp", "cwd"):
        assert [str(path) for path in seen.folders[name].rglob("*")] == []


def test_no_program_is_started_and_nothing_unpickled(seen):
    assert [event for event in seen.events if event[1].startswith(("subprocess", "pickle", "pty"))] == []
