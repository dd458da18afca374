"""Small clusters on one machine: a server and nodes in namespaces of their own, with a share that the nodes mount."""

from tests.support.cluster.filesystems import FILESYSTEMS, GlusterFs, Local, MooseFs, Sshfs
from tests.support.cluster.machines import Cluster, Node, Running, cluster, wait_for

__all__ = ["FILESYSTEMS", "Cluster", "GlusterFs", "Local", "MooseFs", "Node", "Running", "Sshfs", "cluster", "wait_for"]
