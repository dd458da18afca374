"""Seed 10773: what is installed into an image with ``--no-cache-dir ... --system`` leaves nothing in ``/tmp``.

The reporter's Dockerfile::

    RUN --mount=from=build,source=/foo/dist,target=/wheels uv --no-cache-dir pip install --system /wheels/*.whl

and after it ``/tmp/uv-1b696e695b7c17a7.lock`` lay in the image. Here the same steps: in a Python of the test's own, and
by podman (exhaustive: a base image alone takes most of a minute).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.environments import installed, verify_record
from tests.support.installations import make_installation
from tests.support.sandbox import Sandbox
from tests.support.trees import diff, snapshot
from tests.support.wheels import build_wheel, pkg
from tests.system.images import Podman, assert_only_records, packages

FOO = pkg("foo", "0.1.0", console_scripts={"foo": "foo:main"})

DOCKERFILE = """
FROM localhost/tool AS build
WORKDIR /foo
COPY dist /foo/dist

FROM localhost/tool
WORKDIR /app
RUN rm /usr/lib/python3*/EXTERNALLY-MANAGED
RUN --mount=from=build,source=/foo/dist,target=/wheels holdfast --no-cache-dir install --system /wheels/*.whl
"""


def test_the_steps_leave_what_record_lists_and_nothing_else(sandbox: Sandbox, tmp_path: Path) -> None:
    """``holdfast --no-cache-dir install --system /wheels/*.whl``, that Python the first on PATH."""
    wheel = build_wheel(FOO, str(tmp_path / "wheels"))
    python = make_installation(str(tmp_path / "usr"))
    others = (sandbox.home, sandbox.cwd, sandbox.tmp, sandbox.cache, sandbox.state, sandbox.config)
    before = {path: snapshot(path) for path in (python.root, *others)}
    path = f"{python.root}/bin:{os.environ['PATH']}"
    bare = {name: None for name in sandbox.env() if name.startswith("HOLDFAST_")}
    done = sandbox.run("--no-cache-dir", "install", "--system", wheel, env={**bare, "PATH": path}).ok()
    assert done.stdout.endswith("Successfully installed foo-0.1.0\n")
    for each in others:
        assert snapshot(each) == before[each]
    change = diff(before[python.root], snapshot(python.root))
    (foo,) = installed(python.purelib)
    new = {os.path.join(python.root, each) for each in change.added}
    assert {each for each in new if not os.path.isdir(each)} == set(foo.files)
    assert (change.removed, change.changed) == ((), ())
    assert any(each.endswith(".pyc") for each in foo.files), "with --system it is compiled"
    assert verify_record(python.purelib) == ()


@pytest.mark.exhaustive
def test_the_dockerfile(images: Podman, tmp_path: Path) -> None:
    build_wheel(FOO, str(tmp_path / "dist"))
    images.build(
        "plain", DOCKERFILE.replace("holdfast --no-cache-dir install --system", "ls"), {"dist": f"{tmp_path}/dist"}
    ).ok()
    done = images.build("seed-10773", DOCKERFILE, {"dist": str(tmp_path / "dist")}).ok()
    assert "Successfully installed foo-0.1.0" in done.stdout
    assert_only_records(images, "plain", "seed-10773")
    with images.mounted("seed-10773") as root:
        assert os.listdir(f"{root}/tmp") == []
        assert packages(root) == {"foo": "0.1.0"}
