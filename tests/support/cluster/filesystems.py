"""Network file systems of Debian: what the server runs, and how a node mounts the share.

Each is private to its cluster: configuration, state and logs lie in the test's directory, mounted over the places
where Debian's packages look for them.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import ClassVar, Protocol

import pytest

from tests.support.cluster.machines import ADDRESS, Cluster, Node, need, wait_for

LINKS = "no_contain_symlinks"
"""Debian's sshfs follows no absolute symlink unless it is told to, and an environment's ``bin/python`` is one."""


class FileSystem(Protocol):
    """One kind of share."""

    daemon: ClassVar[str]
    """The client's process on a node."""
    servers: ClassVar[tuple[str, ...]]
    """The processes without which the server does nothing."""

    def serve(self, made: Cluster) -> None:
        """Start the server."""

    def mount(self, made: Cluster, node: Node) -> None:
        """Mount the share on a node."""


@dataclass(frozen=True, slots=True)
class GlusterFs:
    """GlusterFS.

    Args:
        bricks: How many.
        layout: Words of ``gluster volume create``: ``replica 2``; empty: distributed over the bricks.
    """

    bricks: int = 1
    layout: str = ""
    daemon: ClassVar[str] = "glusterfs"
    servers: ClassVar[tuple[str, ...]] = ("glusterfsd",)

    def serve(self, made: Cluster) -> None:
        """Start glusterd, and one volume."""
        need("glusterd", "gluster", "glusterfs")
        need_user_space()
        server = made.server
        for name, place in (("lib", "/var/lib/glusterd"), ("log", "/var/log/glusterfs"), ("run", "/run")):
            os.makedirs(os.path.join(server.root, name))
            server.run("mount", "--bind", os.path.join(server.root, name), place)
        server.run("glusterd")
        wait_for(lambda: server.succeeds("gluster", "--mode=script", "volume", "list"), "glusterd")
        os.makedirs(os.path.join(server.root, "bricks"))  # not every file system has what they need, tmpfs does
        server.run("mount", "-t", "tmpfs", "-o", "size=1g", "bricks", f"{server.root}/bricks")
        bricks = [f"{ADDRESS}:{server.root}/bricks/{n}" for n in range(self.bricks)]
        gluster = ("gluster", "--mode=script", "volume")
        server.run(*gluster, "create", "share", *self.layout.split(), *bricks, "force")
        server.run(*gluster, "start", "share")

    def mount(self, made: Cluster, node: Node) -> None:
        """Mount the volume."""
        log = os.path.join(node.root, "glusterfs.log")
        _until_mounted(node, ("glusterfs", f"--log-file={log}", f"-s{ADDRESS}", "--volfile-id=share", made.share))


@dataclass(frozen=True, slots=True)
class Sshfs:
    """sshfs to an sshd of its own.

    Args:
        options: Of the mount. Without ``dir_cache=no`` (the default) it shows what was there up to 20 s ago.
    """

    options: str = f"{LINKS},dir_cache=no"
    daemon: ClassVar[str] = "sshfs"
    servers: ClassVar[tuple[str, ...]] = ("sshd",)

    def serve(self, made: Cluster) -> None:
        """Start sshd."""
        need("sshfs", "sshd", "ssh-keygen")
        need_user_space()
        server, root = made.server, made.server.root
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{root}/{name}"], check=True)
        os.replace(f"{root}/user.pub", f"{root}/authorized")
        for name in ("export", "run/sshd"):
            os.makedirs(os.path.join(root, name))
        server.run("mount", "--bind", f"{root}/run", "/run")
        with open(f"{root}/sshd_config", "w", encoding="utf-8") as file:
            file.write(
                f"ListenAddress {ADDRESS}\nHostKey {root}/host\nAuthorizedKeysFile {root}/authorized\nStrictModes no\n"
                "UsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
                f"MaxStartups 100\nPidFile {root}/sshd.pid\n"
            )
        server.run("/usr/sbin/sshd", "-f", f"{root}/sshd_config", "-E", f"{root}/sshd.log")

    def mount(self, made: Cluster, node: Node) -> None:
        """Mount the exported directory."""
        root = made.server.root
        options = f"IdentityFile={root}/user,StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null,LogLevel=ERROR"
        options += f",{self.options}" * bool(self.options)
        _until_mounted(node, ("sshfs", "-o", options, f"root@{ADDRESS}:{root}/export", made.share))


@dataclass(frozen=True, slots=True)
class MooseFs:
    """MooseFS: a master and one chunk server."""

    options: str = ""
    daemon: ClassVar[str] = "mfsmount"
    servers: ClassVar[tuple[str, ...]] = ("mfsmaster", "mfschunkserver")

    def serve(self, made: Cluster) -> None:
        """Start both."""
        need("mfsmaster", "mfschunkserver", "mfsmount")
        need_user_space()
        server, root = made.server, made.server.root
        for name in ("master", "chunks", "chunkserver"):
            os.makedirs(os.path.join(root, name))
        with open("/var/lib/mfs/metadata.mfs.empty", "rb") as empty:
            _write(f"{root}/master/metadata.mfs", empty.read().decode("latin-1"))
        who = "WORKING_USER = root\nWORKING_GROUP = root\nNICE_LEVEL = 0\n"
        _write(f"{root}/exports.cfg", "* / rw,alldirs,admin,maproot=0:0\n")
        master = f"DATA_PATH = {root}/master\nEXPORTS_FILENAME = {root}/exports.cfg\n"
        _write(f"{root}/master.cfg", f"{who}{master}TOPOLOGY_FILENAME = {root}/none\n")
        _write(f"{root}/hdd.cfg", f"{root}/chunks\n")
        chunks = f"DATA_PATH = {root}/chunkserver\nHDD_CONF_FILENAME = {root}/hdd.cfg\n"
        _write(f"{root}/chunkserver.cfg", f"{who}{chunks}MASTER_HOST = {ADDRESS}\nMASTER_RECONNECTION_DELAY = 1\n")
        server.run("mfsmaster", "-c", f"{root}/master.cfg", "start")
        server.run("mfschunkserver", "-c", f"{root}/chunkserver.cfg", "start")

    def mount(self, made: Cluster, node: Node) -> None:
        """Mount the root."""
        options = f"mfsmaster={ADDRESS}" + f",{self.options}" * bool(self.options)
        _until_mounted(node, ("mfsmount", made.share, "-o", options))


@dataclass(frozen=True, slots=True)
class Nfs:
    """The kernel's NFS server and client, each node with a client of its own.

    Args:
        options: Of the mount.
    """

    options: str = "vers=4.2"
    daemon: ClassVar[str] = ""
    servers: ClassVar[tuple[str, ...]] = ()

    def serve(self, made: Cluster) -> None:
        """Export a directory."""
        need("rpc.nfsd", "rpc.mountd", "exportfs", "mount.nfs")
        with open("/proc/filesystems", encoding="utf-8") as file:
            if not {"nfs4", "nfsd"} <= set(file.read().split()):
                pytest.skip("this kernel has no NFS client and server, or has not loaded them")
        server, root = made.server, made.server.root
        for name, place in (("state", "/var/lib/nfs"), ("run", "/run")):
            os.makedirs(os.path.join(root, name))
            server.run("mount", "--bind", os.path.join(root, name), place)
        for name in ("export", "state/v4recovery", "state/rpc_pipefs"):
            os.makedirs(os.path.join(root, name))
        for name in ("etab", "rmtab", "xtab"):
            _write(f"{root}/state/{name}", "")
        server.run("mount", "-t", "nfsd", "nfsd", "/proc/fs/nfsd")
        for name in ("nfsv4leasetime", "nfsv4gracetime"):
            server.run("sh", "-c", f"echo 10 > /proc/fs/nfsd/{name}")
        old = "vers=3" in self.options
        if old:
            need("rpcbind")
            server.run("rpcbind", "-w")
        # With version 4 it is the root of all that is exported: what it lies in need not be exportable.
        options = f"rw,no_root_squash,no_subtree_check,insecure,fsid={77 if old else 0}"
        server.run("exportfs", "-o", options, f"*:{root}/export")
        server.run("rpc.mountd")
        server.run("rpc.nfsd", *(() if old else ("-N", "3")), "8")

    def mount(self, made: Cluster, node: Node) -> None:
        """Mount it."""
        path = f"{made.server.root}/export" if "vers=3" in self.options else "/"
        _until_mounted(node, ("mount", "-t", "nfs", "-o", self.options, f"{ADDRESS}:{path}", node.share))


@dataclass(frozen=True, slots=True)
class Local:
    """A file system in a file of this machine, mounted on every node by the one kernel.

    Args:
        kind: ``xfs``, ``btrfs``, ``ext4``.
    """

    kind: str
    daemon: ClassVar[str] = ""
    servers: ClassVar[tuple[str, ...]] = ()

    def serve(self, made: Cluster) -> None:
        """Make it."""
        need(f"mkfs.{self.kind}", "losetup")
        image = os.path.join(made.server.root, "image")
        with open(image, "wb") as file:
            file.truncate(512 << 20)
        subprocess.run([f"mkfs.{self.kind}", "-q", image], check=True, capture_output=True)
        done = subprocess.run(["losetup", "-f", "--show", image], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no loop device: {done.stderr.strip()}")
        with open(os.path.join(made.server.root, "device"), "w", encoding="utf-8") as file:
            file.write(done.stdout.strip())
        made.stack.callback(subprocess.run, ["losetup", "-d", done.stdout.strip()], check=False)

    def mount(self, made: Cluster, node: Node) -> None:
        """Mount it."""
        with open(os.path.join(made.server.root, "device"), encoding="utf-8") as file:
            device = file.read()
        done = subprocess.run(node.line("mount", device, node.share), capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"this kernel does not mount {self.kind}: {done.stderr.strip()}")


FILESYSTEMS: dict[str, FileSystem] = {
    "glusterfs": GlusterFs(),
    "glusterfs-distributed": GlusterFs(bricks=2),
    "glusterfs-replicated": GlusterFs(bricks=3, layout="replica 3"),
    "moosefs": MooseFs(),
    "nfs3": Nfs(options="vers=3,nolock"),
    "nfs4": Nfs(),
    "sshfs": Sshfs(),
    "sshfs-remembering": Sshfs(options=f"{LINKS},dir_cache=yes"),
}


def need_user_space() -> None:
    """Skip the test where no process may answer for a file system."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        pytest.skip(f"no file systems in user space here: /dev/fuse: {error.strerror}")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="latin-1") as file:
        file.write(text)


def _until_mounted(node: Node, line: tuple[str, ...]) -> None:
    done = subprocess.run(node.line(*line), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{line} ended with {done.returncode}: {done.stdout}{done.stderr}"
    wait_for(lambda: node.succeeds("stat", "-f", node.share) and node.mounted(), "the mount")
