"""Runs in the target's Python (3.8 and newer), isolated, and prints what holdfast must know of it, as JSON.

It is a program, never imported by holdfast, and imports nothing of it. Paths below a prefix that is decided later
are printed relative to that prefix. The rules are those of pip's ``locations`` (which scheme is the default one) and
of ``packaging.tags`` (what the platform tags are made of).
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import site
import struct
import subprocess
import sys
import sysconfig

ANSWER = "holdfast-facts:"
BASE = "/holdfast-base"
KEYS = ("purelib", "platlib", "scripts", "headers", "data")
ELF_64, ELF_LOADER = 2, 3
VIRTUAL = sys.prefix != sys.base_prefix
SITE_HEADERS = "include/site/python{}.{}".format(*sys.version_info[:2])


def preferred(key: str, *names: str) -> str:
    """The scheme's name as sysconfig says it (3.10 and newer), else the first of ``names`` that exists."""
    ask = getattr(sysconfig, "get_preferred_scheme", None)
    if ask is not None:
        return str(ask(key))
    known = sysconfig.get_scheme_names()
    return next((name for name in names if name in known), "posix_prefix")


def from_sysconfig(name: str, base: str | None) -> dict[str, str]:
    """The five directories of a scheme; ``base`` takes the place of every prefix."""
    bases = ("installed_base", "base", "installed_platbase", "platbase", "prefix", "exec_prefix", "userbase")
    paths = sysconfig.get_paths(name, dict.fromkeys(bases, base) if base else {})
    paths["headers"] = paths["include"]
    return {key: paths[key] for key in KEYS}


def from_distutils(base: str | None) -> dict[str, str]:
    """The same by distutils, which is what distributions patched before 3.10."""
    with contextlib.suppress(ImportError, AttributeError):
        __import__("_distutils_hack").remove_shim()
    install = __import__("distutils.command.install", fromlist=["install"]).install
    command = install(__import__("distutils.dist", fromlist=["Distribution"]).Distribution())
    if base:
        command.prefix = base
    command.finalize_options()
    scheme = {key: getattr(command, "install_" + key) for key in KEYS}
    scheme["headers"] = os.path.dirname(os.path.normpath(scheme["headers"]))  # ends with the distribution's name
    return scheme


def prefix_scheme(base: str | None) -> dict[str, str]:
    """What pip's get_scheme() answers without and with ``--prefix``."""
    modern = sys.version_info >= (3, 10)
    if getattr(sysconfig, "_PIP_USE_SYSCONFIG", modern) or sys.version_info >= (3, 12):
        name = preferred("prefix", "posix_prefix")
        if base and name in ("osx_framework_library", "posix_local"):  # they are of the system's own prefix alone
            name = "posix_prefix"
        scheme = from_sysconfig(name, base)
    else:
        scheme = from_distutils(base)
    if VIRTUAL:
        scheme["headers"] = os.path.join(base or sys.prefix, SITE_HEADERS)
    return scheme


def relative(scheme: dict[str, str]) -> dict[str, str]:
    """Without the stand-in for the prefix."""
    return {key: os.path.relpath(path, BASE) for key, path in scheme.items()}


def venv_scheme() -> dict[str, str]:
    """Of an environment made from this Python."""
    name = "venv" if "venv" in sysconfig.get_scheme_names() else "posix_prefix"
    scheme = from_sysconfig(name, BASE)
    scheme["headers"] = BASE + "/" + SITE_HEADERS
    return relative(scheme)


def user_facts() -> dict[str, object]:
    """``--user``: the scheme below the user base, and the user base below home."""
    framework = sys.platform == "darwin" and bool(sysconfig.get_config_var("PYTHONFRAMEWORK")) and not VIRTUAL
    name = preferred("user", "osx_framework_user" if framework else "posix_user", "posix_user")
    base = "Library/Python/{}.{}".format(*sys.version_info[:2]) if framework else ".local"
    return {"scheme": relative(from_sysconfig(name, BASE)), "base": base}


def base_executable() -> str:
    """The Python below this one; before 3.11 ``_base_executable`` of an environment is the environment's own."""
    found = getattr(sys, "_base_executable", None) or sys.executable
    if VIRTUAL and os.path.dirname(found) == os.path.dirname(sys.executable):
        try:
            with open(os.path.join(sys.prefix, "pyvenv.cfg"), encoding="utf-8") as file:
                pairs = [line.partition("=") for line in file]
        except OSError:
            return os.path.realpath(found)
        home = next((value.strip() for key, _, value in pairs if key.strip() == "home"), "")
        names = ("python{}.{}".format(*sys.version_info[:2]), "python3", "python")
        paths = [os.path.join(home, name) for name in names]
        found = next((path for path in paths if os.access(path, os.X_OK)), os.path.realpath(found))
    versioned = os.path.join(os.path.dirname(found), "python{}.{}".format(*sys.version_info[:2]))
    if os.path.realpath(versioned) == os.path.realpath(found):
        return versioned  # ``python3`` may mean another version tomorrow
    return str(found)


def elf_facts(path: str) -> dict[str, object] | None:
    """Class, machine and flags of the executable, and its dynamic loader."""
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            if head[:4] != b"\x7fELF":
                return None
            order = "<" if head[5] == 1 else ">"
            wide = head[4] == ELF_64
            machine = struct.unpack_from(order + "H", head, 18)[0]
            offset = struct.unpack_from(order + ("Q" if wide else "I"), head, 32 if wide else 28)[0]
            flags = struct.unpack_from(order + "I", head, 48 if wide else 36)[0]
            size, count = struct.unpack_from(order + "HH", head, 54 if wide else 42)
            loader = ""
            for n in range(count):
                file.seek(offset + n * size)
                entry = file.read(size)
                if struct.unpack_from(order + "I", entry)[0] == ELF_LOADER:
                    where, length = struct.unpack_from(order + ("Q16xQ" if wide else "I8xI"), entry, 8 if wide else 4)
                    file.seek(where)
                    loader = os.fsdecode(file.read(length)).strip("\0")
    except (OSError, struct.error, IndexError):
        return None
    little = order == "<"
    return {"bits": 64 if wide else 32, "little": little, "machine": machine, "flags": flags, "loader": loader}


def glibc_version() -> str | None:
    """As ``2.36``."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):
        return None
    return text.split()[1] if text.startswith("glibc ") else None


def musl_version(loader: object) -> str | None:
    """As ``1.2``: the loader says it when it is run."""
    if "musl" not in str(loader):
        return None
    asked = subprocess.run([str(loader)], check=False, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    lines = [line for line in asked.stderr.decode("utf-8", "replace").splitlines() if line.startswith("Version ")]
    return lines[0].split()[1] if lines else None


def manylinux_says(arch: str) -> dict[str, bool]:
    """What a ``_manylinux`` module of the distribution decides (PEP 600), by glibc version."""
    try:
        module = __import__("_manylinux")
    except ImportError:
        return {}
    decided = {}
    ask = getattr(module, "manylinux_compatible", None)
    if ask is not None:
        for minor in range(100):
            answer = ask(2, minor, arch)
            if answer is not None:
                decided[f"2.{minor}"] = bool(answer)
        return decided
    for name, version in (("manylinux1", "2.5"), ("manylinux2010", "2.12"), ("manylinux2014", "2.17")):
        if hasattr(module, name + "_compatible"):
            decided[version] = bool(getattr(module, name + "_compatible"))
    return decided


def platform_facts() -> dict[str, object]:
    """What the compatible tags are computed from."""
    elf = elf_facts(sys.executable) if sys.platform.startswith("linux") else None
    arch = sysconfig.get_platform().partition("-")[2].replace("-", "_").replace(".", "_")
    return {
        "implementation": sys.implementation.name,
        "version": list(sys.version_info[:2]),
        "debug": bool(sysconfig.get_config_var("Py_DEBUG")) or hasattr(sys, "gettotalrefcount"),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "ext_suffix": sysconfig.get_config_var("EXT_SUFFIX") or "",
        "system": platform.system(),
        "platform": sysconfig.get_platform(),
        "bits": 8 * struct.calcsize("P"),
        "elf": elf,
        "glibc": glibc_version(),
        "musl": musl_version(elf["loader"]) if elf else None,
        "manylinux": manylinux_says(arch),
        "mac": [platform.mac_ver()[0], platform.mac_ver()[2]],
    }


def markers() -> dict[str, str]:
    """The PEP 508 environment."""
    info = sys.implementation.version
    version = f"{info.major}.{info.minor}.{info.micro}"
    if info.releaselevel != "final":
        version += info.releaselevel[0] + str(info.serial)
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": version,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


def visible() -> list[str]:
    """Directories that hold distributions, in the order of sys.path; ``.pth`` additions are not among them."""
    return [path for path in site.getsitepackages() if path]


def main() -> None:
    """Print the facts on one line of their own: ``.pth`` files and sitecustomize may have printed something."""
    default = getattr(sysconfig, "get_default_scheme", lambda: "posix_prefix")()
    facts = {
        "executable": sys.executable,
        "version": platform.python_version(),
        "implementation": sys.implementation.name,
        "markers": markers(),
        "platform": platform_facts(),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "base_executable": base_executable(),
        "scheme": prefix_scheme(None),
        "prefix_scheme": relative(prefix_scheme(BASE)),
        "venv_scheme": venv_scheme(),
        "user": user_facts(),
        "stdlib": sysconfig.get_path("stdlib", default),
        "site_packages": visible(),
        "cache_tag": sys.implementation.cache_tag or "",
        "is_64bit": sys.maxsize > 2**32,
    }
    sys.stdout.write("\n" + ANSWER + json.dumps(facts) + "\n")


main()
