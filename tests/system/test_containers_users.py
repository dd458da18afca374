"""Issue 4, item 12: the Dockerfiles of the seeds in which several users install, built for real.

All of it is exhaustive: a base image alone takes most of a minute. The same steps without podman: ``test_seed_*`` and
``test_shared_*``.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.support.trees import diff
from tests.support.wheels import build_wheel, pkg
from tests.system.images import Podman, packages

pytestmark = pytest.mark.exhaustive

INSTALL = "holdfast install --no-cache-dir --no-index --find-links /links"

SHARED = f"""
FROM localhost/tool
ENV HOLDFAST_SHARED=ubuntu
RUN {INSTALL} --target /opt/hf/packages alpha==1.0
USER ubuntu
RUN {INSTALL} --target /opt/hf/packages --upgrade alpha beta
"""
"""Seed 8032's first Dockerfile, a directory of packages in the place of one of interpreters, and the line it lacks."""

SETGID = f"""
FROM localhost/tool
RUN mkdir -p /opt/hf && chgrp ubuntu /opt/hf && chmod g+s /opt/hf
RUN {INSTALL} --target /opt/hf/packages alpha==1.0
USER ubuntu
RUN {INSTALL} --target /opt/hf/packages --upgrade alpha beta
"""
"""The reporter's workaround, without ``umask 002`` before every command."""

ENVIRONMENT = f"""
FROM localhost/tool
RUN mkdir -p /opt/hf && chgrp ubuntu /opt/hf && chmod g+s /opt/hf
RUN holdfast venv --no-cache-dir /opt/hf/venv
RUN {INSTALL} --python /opt/hf/venv/bin/python alpha==1.0
USER ubuntu
RUN {INSTALL} --python /opt/hf/venv/bin/python --upgrade alpha beta
USER root
RUN {INSTALL} --python /opt/hf/venv/bin/python alpha==1.0
"""

AIRFLOW = f"""
FROM localhost/tool
RUN useradd --create-home --uid 50000 --gid 0 airflow
USER airflow
ENV VIRTUAL_ENV=/home/airflow/.venv HOME=/home/airflow
WORKDIR /opt/airflow
RUN holdfast venv --no-cache-dir $VIRTUAL_ENV
COPY ./requirements.txt requirements.txt
RUN {INSTALL} -r ./requirements.txt
"""
"""Of seed 8032's comments: an image's own user, an environment in it, a file of requirements."""

APP_ROOT = """
FROM localhost/tool
RUN holdfast venv --no-cache-dir /opt/app-root && mkdir /opt/app-root/src && chown -R ubuntu /opt/app-root
USER 0
COPY root/ /
USER ubuntu
ENV VIRTUAL_ENV=/opt/app-root HOME=/opt/app-root/src
RUN holdfast install --no-index --find-links /links alpha -v
"""
"""Seed 12200: ``COPY`` gives ``/opt/app-root`` to root, and what lies in it stays the user's."""


@pytest.fixture
def links(tmp_path: Path) -> str:
    path = str(tmp_path / "links")
    for version in ("1.0", "2.0"):
        build_wheel(pkg("alpha", version, console_scripts={"alpha": "alpha:main"}), path)
    build_wheel(pkg("beta"), path)
    return path


def built(images: Podman, tag: str, dockerfile: str, site: str, links: str) -> None:
    """Build it; two packages are there, and nothing is left in places of everybody's."""
    images.build(tag, dockerfile, links=links).ok()
    with images.mounted(tag) as root:
        assert packages(root, site)["beta"] == "1.0"
        assert os.listdir(f"{root}/tmp") == []
    left = diff(images.files("tool"), images.files(tag)).added
    assert [path for path in left if ".holdfast" in path or path.endswith(".lock")] == []
    assert [path for path in left if path.startswith(("root/", "run/", "tmp/", "home/ubuntu/"))] == []


def test_seed_8032s_first_dockerfile_with_the_line_that_it_lacks(images: Podman, links: str) -> None:
    built(images, "shared", SHARED, "opt/hf/packages", links)
    with images.mounted("shared") as root:
        assert packages(root, "opt/hf/packages") == {"alpha": "2.0", "beta": "1.0"}
        assert stat.S_IMODE(os.stat(f"{root}/opt/hf/packages").st_mode) == 0o2775


def test_seed_8032s_first_dockerfile_without_it_is_told_that_line(images: Podman, links: str) -> None:
    done = images.build("refused", SHARED.replace("ENV HOLDFAST_SHARED=ubuntu\n", ""), links=links)
    assert done.returncode != 0
    assert "/opt/hf/packages" in done.stderr
    assert "HOLDFAST_SHARED" in done.stderr


def test_seed_8032s_second_dockerfile_needs_no_umask(images: Podman, links: str) -> None:
    built(images, "setgid", SETGID, "opt/hf/packages", links)
    with images.mounted("setgid") as root:
        assert packages(root, "opt/hf/packages") == {"alpha": "2.0", "beta": "1.0"}


def test_an_environment_below_a_setgid_directory_is_everybodys(images: Podman, links: str) -> None:
    """Root, the user, and root again."""
    site = "opt/hf/venv/lib/python3.11/site-packages"
    built(images, "environment", ENVIRONMENT, site, links)
    with images.mounted("environment") as root:
        assert packages(root, site) == {"alpha": "1.0", "beta": "1.0"}


def test_the_airflow_layer_of_seed_8032s_comments(images: Podman, links: str, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("alpha==2.0\nbeta\n")
    images.build("airflow", AIRFLOW, {"requirements.txt": str(tmp_path / "requirements.txt")}, links=links).ok()
    with images.mounted("airflow") as root:
        site = "home/airflow/.venv/lib/python3.11/site-packages"
        assert packages(root, site) == {"alpha": "2.0", "beta": "1.0"}
        assert sorted(os.listdir(f"{root}/home/airflow")) == [".bash_logout", ".bashrc", ".profile", ".venv"]
        assert os.listdir(f"{root}/tmp") == []


def test_seed_12200s_image_whose_environment_has_a_root_of_roots(images: Podman, links: str, tmp_path: Path) -> None:
    os.makedirs(tmp_path / "root/opt/app-root/etc")
    (tmp_path / "root/opt/app-root/etc/nginx.conf").write_text("nginx\n")
    images.build("app-root", APP_ROOT, {"root": str(tmp_path / "root")}, links=links).ok()
    with images.mounted("app-root") as root:
        status = os.stat(f"{root}/opt/app-root")
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o755)
        assert packages(root, "opt/app-root/lib/python3.11/site-packages") == {"alpha": "2.0"}
        names = set(os.listdir(f"{root}/opt/app-root"))
        assert names == {".gitignore", "bin", "etc", "include", "lib", "lib64", "pyvenv.cfg", "src"}
        assert os.listdir(f"{root}/tmp") == []
