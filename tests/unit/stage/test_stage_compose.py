from __future__ import annotations

import csv
import hashlib
import json
from base64 import urlsafe_b64encode

import pytest
from packaging.version import Version

from holdfast.errors import HarmError, IntegrityError
from holdfast.model.composed import ComposedDistribution, FromStore, Generated
from holdfast.model.requirement import DirectUrl
from holdfast.model.target import Scheme, SchemeKey
from holdfast.stage.compose import compose
from tests.support.wheels import WheelSpec
from tests.unit.stage.staging import composed, content, install, stored_in, target_of, venv_target

SPEC = WheelSpec(
    name="Demo",
    version="1.0",
    files={"demo/__init__.py": "", "demo/mod.py": "x = 1\n", "demo/tool.sh": "#!/bin/sh\n"},
    executable=frozenset({"demo/tool.sh"}),
    data={
        "scripts/old": "#!python\nprint()\n",
        "scripts/raw": b"\x7fELF",
        "headers/d.h": "",
        "data/share/d": "d",
        "purelib/demo_more.py": "",
    },
    dist_info={"licenses/LICENSE": "free", "INSTALLER": "somebody\n", "direct_url.json": "{}", "RECORD.jws": "{}"},
    console_scripts={"demo": "demo:main"},
)


def rows(distribution: ComposedDistribution) -> dict[str, tuple[str, str]]:
    text = content(distribution, "RECORD").decode()
    return {path: (digest, size) for path, digest, size in csv.reader(text.splitlines())}


def test_record_lists_every_file_with_its_place_seen_from_the_dist_info(tmp_path: object) -> None:
    distribution = composed(stored_in(str(tmp_path), SPEC), venv_target(f"{tmp_path}/v"))
    listed = rows(distribution)
    assert list(listed) == sorted(listed)
    assert set(listed) == {
        "../../../bin/demo",
        "../../../bin/old",
        "../../../bin/raw",
        "../../../include/site/python3.12/demo/d.h",
        "../../../share/d",
        "demo-1.0.dist-info/INSTALLER",
        "demo-1.0.dist-info/METADATA",
        "demo-1.0.dist-info/RECORD",
        "demo-1.0.dist-info/WHEEL",
        "demo-1.0.dist-info/entry_points.txt",
        "demo-1.0.dist-info/licenses/LICENSE",
        "demo/__init__.py",
        "demo/mod.py",
        "demo/tool.sh",
        "demo_more.py",
    }
    assert len(distribution.files) == len(listed)
    for path, (digest, size) in listed.items():
        if path.endswith("RECORD"):
            assert (digest, size) == ("", "")
        else:
            assert digest.startswith("sha256=")
            assert size.isdecimal()
    assert distribution.record_digest == hashlib.sha256(content(distribution, "RECORD")).hexdigest()
    assert (distribution.info_name, distribution.info_scheme) == ("demo-1.0.dist-info", SchemeKey.PURELIB)


def test_hash_and_size_are_of_the_bytes_that_will_lie_there(tmp_path: object) -> None:
    for file in composed(stored_in(str(tmp_path), SPEC), venv_target(f"{tmp_path}/v")).files:
        match file.source:
            case Generated(content=data):
                pass
            case FromStore(path=path):
                with open(path, "rb") as stored:
                    data = stored.read()
        assert file.size == len(data)
        if not file.path.endswith("RECORD"):
            assert file.digest == urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def test_each_file_has_one_place_and_programs_are_executable(tmp_path: object) -> None:
    files = composed(stored_in(str(tmp_path), SPEC), venv_target(f"{tmp_path}/v")).files
    places = {(file.scheme, file.path): file for file in files}
    assert len(places) == len(files)
    assert {path for (_, path), file in places.items() if file.executable} == {"demo", "old", "raw", "demo/tool.sh"}
    assert (SchemeKey.DATA, "share/d") in places
    assert (SchemeKey.HEADERS, "demo/d.h") in places


def test_old_scripts_name_the_targets_interpreter(tmp_path: object) -> None:
    distribution = composed(stored_in(str(tmp_path), SPEC), venv_target(f"{tmp_path}/v", executable="/v/bin/python"))
    assert content(distribution, "old") == b"#!/v/bin/python\nprint()\n"
    (raw,) = [file for file in distribution.files if file.path == "raw"]
    assert isinstance(raw.source, FromStore)


def test_installer_is_ours_and_what_the_wheel_says_of_itself_is_dropped(tmp_path: object) -> None:
    stored, target = stored_in(str(tmp_path), SPEC), venv_target(f"{tmp_path}/v")
    plain = composed(stored, target)
    assert content(plain, "INSTALLER") == b"holdfast\n"
    assert not any(file.path.endswith(("direct_url.json", "REQUESTED", "RECORD.jws")) for file in plain.files)
    direct = DirectUrl(url="https://example.org/demo.whl")
    asked = compose(install(stored), stored, target, requested=True, direct=direct)
    assert content(asked, "REQUESTED") == b""
    assert json.loads(content(asked, "direct_url.json"))["url"] == direct.url
    assert rows(asked)["demo-1.0.dist-info/REQUESTED"] == (
        "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        "0",
    )


def test_bytecode_lies_beside_its_source_and_is_listed_without_hash(tmp_path: object) -> None:
    stored, target = stored_in(str(tmp_path), SPEC), venv_target(f"{tmp_path}/v")
    made = {"demo/mod.py": "/store/mod.pyc", "demo-1.0.data/purelib/demo_more.py": "/store/more.pyc"}
    distribution = compose(install(stored), stored, target, requested=False, compiled=made)
    listed = rows(distribution)
    assert listed["demo/__pycache__/mod.cpython-312.pyc"] == ("", "")
    assert listed["__pycache__/demo_more.cpython-312.pyc"] == ("", "")


def test_in_a_flat_target_a_place_still_has_one_name(tmp_path: object) -> None:
    root = f"{tmp_path}/t"
    flat = Scheme(purelib=root, platlib=root, scripts=f"{root}/bin", headers=f"{root}/include", data=root)
    spec = WheelSpec(
        name="demo",
        version="1",
        files={"bin/data.txt": "", "demo.py": ""},
        data={"data/bin/x": "", "scripts/y": ""},
        root_is_purelib=False,
    )
    distribution = composed(stored_in(str(tmp_path), spec), target_of(flat, root))
    assert distribution.info_scheme is SchemeKey.PURELIB
    assert {(file.scheme, file.path) for file in distribution.files if "dist-info" not in file.path} == {
        (SchemeKey.SCRIPTS, "data.txt"),
        (SchemeKey.SCRIPTS, "x"),
        (SchemeKey.SCRIPTS, "y"),
        (SchemeKey.PURELIB, "demo.py"),
    }
    assert {path for path in rows(distribution) if "dist-info" not in path} == {
        "bin/data.txt",
        "bin/x",
        "bin/y",
        "demo.py",
    }


def test_one_place_named_by_two_members_is_shared_when_equal_and_refused_when_not(tmp_path: object) -> None:
    target = venv_target(f"{tmp_path}/v")
    same = WheelSpec(name="same", version="1", files={"a.py": "1"}, data={"platlib/a.py": "1"})
    assert sum(file.path == "a.py" for file in composed(stored_in(f"{tmp_path}/1", same), target).files) == 1
    other = WheelSpec(name="other", version="1", files={"a.py": "1"}, data={"platlib/a.py": "2"})
    with pytest.raises(IntegrityError, match=r"two different files for a\.py"):
        composed(stored_in(f"{tmp_path}/2", other), target)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (WheelSpec(name="bad", version="1", console_scripts={"python3": "a:b"}), "a script named 'python3'"),
        (WheelSpec(name="bad", version="1", data={"scripts/python": ""}), "a script named 'python'"),
        (WheelSpec(name="bad", version="1", data={"data/bin/python3.12": ""}), "a script named 'python3.12'"),
        (WheelSpec(name="bad", version="1", files={".holdfast.lock/x": ""}), "how holdfast names its own"),
        (
            WheelSpec(name="bad", version="1", data={"data/lib/python3.12/site-packages/b-1.dist-info/METADATA": ""}),
            r"files for 'b-1\.dist-info', which is another distribution's",
        ),
        (
            WheelSpec(name="bad", version="1", data={"data/lib/python3.12/site-packages/B-1.dist-INFO": ""}),
            r"files for 'B-1\.dist-INFO', which is another distribution's",
        ),
        (WheelSpec(name="bad", version="1", files={".holdfast.lock": ""}), "how holdfast names its own"),
        (WheelSpec(name="bad", version="1", files={f".holdfast-{'0' * 32}/journal": ""}), "how holdfast names its own"),
        (WheelSpec(name="bad", version="1", data={"data/bin": ""}), "brings a file where .*/v/bin is"),
    ],
)
def test_what_would_harm_the_environment_is_refused(spec: WheelSpec, reason: str, tmp_path: object) -> None:
    with pytest.raises(HarmError, match=reason):
        composed(stored_in(str(tmp_path), spec), venv_target(f"{tmp_path}/v"))


def test_another_distribution_than_the_chosen_one_is_refused(tmp_path: object) -> None:
    stored = stored_in(str(tmp_path), SPEC)
    other = stored_in(str(tmp_path), WheelSpec(name="demo", version="2.0"))
    assert other.manifest.version == Version("2.0")
    with pytest.raises(IntegrityError, match=r"is demo 1\.0, where demo 2\.0 was chosen"):
        compose(install(other), stored, venv_target(f"{tmp_path}/v"), requested=False)
