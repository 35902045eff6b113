"""A real Milvus server from the `milvus` 2.3.5 wheel, in a folder of its own, to be killed at any moment.

The wheel is never imported: its programs are unpacked once and started. Where it lies says `MILVUS_BIN`, the
folder with the unpacked programs and with the wheel's `config.yaml.template` and `glog.conf`; `make milvus`
makes it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

READY_WITHIN = 120.0
TOKEN = "root:Milvus"  # what a fresh server begins with
SETTINGS = {
    "common.security.authorizationEnabled": "true",
    # Otherwise a stop waits for half an hour; these tests kill.
    "common.gracefulStopTimeout": "3",
    # The index that the server itself puts over rows that are not sealed yet scans 16 of 128 lists and
    # loses mates, whatever index kind was chosen; see docs/how-to/milvus.md.
    "queryNode.segcore.interimIndex.enableIndex": "false",
    **{
        f"{part}.ip": "127.0.0.1"
        for part in (
            "rootCoord",
            "proxy",
            "queryCoord",
            "queryNode",
            "indexNode",
            "dataCoord",
            "dataNode",
        )
    },
}


def programs() -> Path | None:
    """Return the folder of the server's programs, None if there is none here."""
    folder = Path(
        os.environ.get("MILVUS_BIN", Path.home() / ".cache" / "countenance-milvus" / "bin")
    )
    return folder if (folder / "milvus").exists() else None


class Server:
    """One server, the only one of this machine at a time; its data outlive `kill` and are there after `start`.

    A second one would wait for the first one's lock in /run/milvus.
    """

    def __init__(self, folder: Path, binaries: Path, **settings: str) -> None:
        """Write its settings, with ports that are free now."""
        self.folder, self.binaries = folder, binaries
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "configs").mkdir(parents=True)
        (folder / "logs").mkdir()
        self.ports: dict[str, int] = {}
        self.metrics = _free_port(self.ports)
        template = (binaries / "config.yaml.template").read_text(encoding="utf-8")
        text = _with_settings(_filled(template, folder, self.ports), {**SETTINGS, **settings})
        (folder / "configs" / "milvus.yaml").write_text(text, encoding="utf-8")
        shutil.copy(binaries / "glog.conf", folder / "configs" / "glog.conf")

    @property
    def uri(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.ports['proxy_port']}"

    def start(self) -> None:
        """Start it, and wait until it answers; once more from the start if it does not come up.

        After a kill its old sessions live on for half a minute, so a start soon after may fail.
        """
        for _ in range(3):
            self._launch()
            if self._answers():
                return
            self.kill()
        raise TimeoutError("The Milvus server does not come up.")

    def kill(self) -> None:
        """Kill it as a power cut does, with its children."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def _launch(self) -> None:
        log = (self.folder / "logs" / "server.log").open("ab")
        self.process = subprocess.Popen(
            [str(self.binaries / "milvus"), "run", "standalone"],
            cwd=self.folder,
            env={
                **os.environ,
                "DEPLOY_MODE": "STANDALONE",
                "METRICS_PORT": str(self.metrics),
                "LD_LIBRARY_PATH": str(self.binaries),
            },
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()

    def _answers(self) -> bool:
        """Wait until the server is well and its collections can be listed: well is not ready."""
        until = time.monotonic() + READY_WITHIN
        while time.monotonic() < until:
            assert self.process is not None
            if self.process.poll() is not None:
                return False
            if self._is_well() and self._lists():
                return True
            time.sleep(0.5)
        return False

    def _is_well(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.metrics}/healthz"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return b"OK" in answer.read()
        except OSError:
            return False

    def _lists(self) -> bool:
        from pymilvus import MilvusClient

        try:
            client = MilvusClient(uri=self.uri, token=TOKEN, timeout=5, dedicated=True)
            client.list_collections(timeout=5)
            client.close()
        except Exception:  # noqa: BLE001 # whatever it is, the server is not ready
            return False
        return True


def _filled(template: str, folder: Path, ports: dict[str, int]) -> str:
    """Fill the wheel's own template: `{{ name(type): default }}`."""
    places = {
        "etcd_log_path": folder / "logs" / "etcd.log",
        "system_log_path": folder / "logs",
        "etcd_data_dir": folder / "data" / "etcd.data",
        "local_storage_dir": folder / "data",
        "rocksmq_data_dir": folder / "data" / "rocksmq",
    }

    def value(match: re.Match[str]) -> str:
        name, _, default = match.group(1).partition(":")
        name = name.strip().partition("(")[0]
        if name.endswith("_port"):
            ports[name] = _free_port(ports)
            return str(ports[name])
        return str(places.get(name, default.strip()))

    return re.sub(r"\{\{(.*?)\}\}", value, template)


def _with_settings(text: str, settings: dict[str, str]) -> str:
    """Set keys of the YAML by their path; every one must be there."""
    lines, path, left = [], [], dict(settings)
    for line in text.splitlines():
        match = re.match(r"^( *)(\w+):", line)
        if match:
            path = [*path[: len(match.group(1)) // 2], match.group(2)]
            if (key := ".".join(path)) in left:
                line = f"{match.group(0)} {left.pop(key)}"  # noqa: PLW2901
        lines.append(line)
    for key, value in left.items():
        lines = _added(lines, key, value)
    return "\n".join(lines) + "\n"


def _added(lines: list[str], key: str, value: str) -> list[str]:
    section, _, name = key.rpartition(".")
    at = lines.index(f"{section}:")
    return [*lines[: at + 1], f"  {name}: {value}", *lines[at + 1 :]]


def _free_port(taken: dict[str, int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken.values():
            return port
