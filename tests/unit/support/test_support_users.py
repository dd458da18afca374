"""The users of the tests are real ones, and their holdfast is this checkout's."""

from __future__ import annotations

import grp
import os
import pwd

import holdfast
from tests.support.environments import make_venv
from tests.support.users import People


def test_each_user_is_an_account_with_his_groups(crowd: People) -> None:
    for user, member in ((crowd.a, True), (crowd.b, True), (crowd.c, False)):
        said = user.run("id", "-Gn").ok().stdout.split()
        assert (crowd.group in said) is member, said
        assert pwd.getpwnam(user.name).pw_uid == user.uid
    assert grp.getgrnam(crowd.group).gr_gid == crowd.gid


def test_each_user_runs_this_holdfast_with_his_umask(crowd: People, public: str) -> None:
    for user in (crowd.a, crowd.b, crowd.c, crowd.root):
        assert holdfast.__version__ in user.holdfast("--version").ok().stdout
    os.chmod(public, 0o1777)
    crowd.c.run("touch", f"{public}/made", umask=0o077).ok()
    status = os.stat(f"{public}/made")
    assert (status.st_uid, status.st_mode & 0o777) == (crowd.c.uid, 0o600)


def test_environments_of_everybodys_interpreter_run_for_everybody(crowd: People, public: str) -> None:
    venv = make_venv(f"{public}/venv", crowd.interpreter)
    assert crowd.c.run(venv.python, "-c", "import sys; print(sys.prefix)").ok().stdout.strip() == venv.root
    assert crowd.c.holdfast("list", "--python", venv.python).ok()
