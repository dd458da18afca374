"""Settings in force and requirements -> the requests that flows take."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from packaging.utils import NormalizedName, canonicalize_name

from holdfast.config.formats import fold_formats
from holdfast.config.places import user_cache_directory
from holdfast.config.settings import Settings
from holdfast.errors import UsageError
from holdfast.model.owner import LockMode
from holdfast.model.request import (
    FileOptions,
    IndexStrategy,
    InstallPolicy,
    InstallRequest,
    LinkMode,
    LockSettings,
    Network,
    ResolvePolicy,
    RootRequirement,
    Sources,
    UninstallRequest,
    UpgradeStrategy,
)
from holdfast.model.target import TargetRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from holdfast.model.rights import Sharing

_SCHEMES = frozenset({"http", "https", "file"})
_CHOICES_OF_TARGET = ("python", "system", "target", "prefix", "user")


def install_request(
    settings: Settings,
    *,
    requirements: tuple[RootRequirement, ...],
    constraints: tuple[RootRequirement, ...] = (),
    options: FileOptions | None = None,
    given: Sequence[tuple[str, object]] = (),
    environ: Mapping[str, str],
    cwd: str,
) -> InstallRequest:
    """The request of ``install``.

    Args:
        settings: In force.
        requirements: From the command line and the files.
        constraints: From ``-c``.
        options: What the files set.
        given: (setting name, value) as the command line has them, in order.
        environ: Environment variables.
        cwd: Absolute.

    Raises:
        UsageError: A setting cannot be understood.
    """
    options = options or FileOptions()
    return InstallRequest(
        requirements=requirements,
        constraints=constraints,
        target=target_request(settings, environ=environ, cwd=cwd),
        sources=_sources(settings, options),
        network=network(settings, trusted_hosts=options.trusted_hosts),
        resolve=_resolve_policy(settings, options, requirements, given),
        policy=_install_policy(settings),
        lock=lock_settings(settings),
        cache_dir=cache_directory(settings, environ),
        dry_run=settings.flag("dry-run") or settings.flag("check"),
        command=_described("install", (root.requirement.name for root in requirements)),
    )


def uninstall_request(
    settings: Settings,
    *,
    names: tuple[NormalizedName, ...],
    must_exist: bool,
    environ: Mapping[str, str],
    cwd: str,
) -> UninstallRequest:
    """The request of ``uninstall``.

    Raises:
        UsageError: A setting cannot be understood.
    """
    return UninstallRequest(
        names=names,
        target=target_request(settings, environ=environ, cwd=cwd),
        policy=_install_policy(settings),
        lock=lock_settings(settings),
        must_exist=must_exist,
        dry_run=settings.flag("dry-run") or settings.flag("check"),
        cache_dir=cache_directory(settings, environ),
        command=_described("uninstall", names),
    )


def target_request(settings: Settings, *, environ: Mapping[str, str], cwd: str) -> TargetRequest:
    """How the target is named. A choice on the command line hides choices in variables and files, whichever they are.

    Raises:
        UsageError: A setting cannot be understood.
    """
    said = [name for name in _CHOICES_OF_TARGET if settings.chosen(name).value]
    strongest = min((settings.chosen(name).rank for name in said), default=0)
    counting = {name for name in said if settings.chosen(name).rank == strongest}
    if "user" in counting and counting & {"target", "prefix"}:
        raise UsageError("--user cannot be combined with --target or --prefix.")
    return TargetRequest(
        python=_path_or_version(settings.text("python")) if "python" in counting else None,
        system="system" in counting,
        target=_expanded(settings.text("target")) if "target" in counting else None,
        prefix=_expanded(settings.text("prefix")) if "prefix" in counting else None,
        user="user" in counting,
        root=_expanded(settings.text("root")),
        virtual_env=environ.get("VIRTUAL_ENV") or None,
        conda_prefix=environ.get("CONDA_PREFIX") or None,
        cwd=cwd,
        break_system_packages=settings.flag("break-system-packages"),
        require_virtualenv=settings.flag("require-virtualenv"),
    )


def network(settings: Settings, *, trusted_hosts: tuple[str, ...] = ()) -> Network:
    """How servers are talked to.

    Raises:
        UsageError: A setting cannot be understood, or makes no sense.
    """
    timeout, retries = settings.number("timeout"), settings.count("retries")
    if timeout <= 0 or retries < 0:
        name = "timeout" if timeout <= 0 else "retries"
        origin = settings.chosen(name).origin
        raise UsageError(f"{name} must be {'positive' if name == 'timeout' else 'at least 0'} ({origin}).")
    return Network(
        timeout=timeout,
        retries=retries,
        proxy=settings.text("proxy"),
        cert=_expanded(settings.text("cert")),
        client_cert=_expanded(settings.text("client-cert")),
        trusted_hosts=(*settings.words("trusted-host"), *trusted_hosts),
        offline=settings.flag("offline"),
    )


def lock_settings(settings: Settings) -> LockSettings:
    """The environment lock's mode and patience.

    Raises:
        UsageError: A setting cannot be understood.
    """
    timeout = settings.number("lock-timeout")
    if timeout < 0 and timeout != -1:
        raise UsageError(f"lock-timeout must be at least 0, or -1 ({settings.chosen('lock-timeout').origin}).")
    mode = settings.text("lock-mode")
    return LockSettings(mode=LockMode(mode) if mode else None, timeout=timeout)


def cache_directory(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """Absolute path of the cache; None: there is none (``--no-cache``, or no home to keep it in)."""
    if settings.flag("no-cache"):
        return None
    named = _expanded(settings.text("cache-dir"))
    return os.path.abspath(named) if named else user_cache_directory(environ)


def _sources(settings: Settings, options: FileOptions) -> Sources:
    index: tuple[str, ...] = (settings.text("index-url") or "",)
    extra = settings.words("extra-index-url")
    if options.index_url is not None:
        index, extra = (options.index_url,), ()
    indexes = dict.fromkeys((*extra, *options.extra_index_urls, *filter(None, index)))
    find_links = dict.fromkeys((*settings.words("find-links"), *options.find_links))
    for place in (*indexes, *find_links):
        _refuse_other_schemes(place)
    return Sources(
        indexes=() if settings.flag("no-index") or options.no_index else tuple(indexes),
        find_links=tuple(find_links),
        strategy=IndexStrategy(settings.text("index-strategy") or ""),
    )


def _refuse_other_schemes(place: str) -> None:
    scheme, separator, rest = place.partition("://")
    if separator and scheme.lower() not in _SCHEMES:
        raise UsageError(
            f"Packages cannot come from {scheme}://{rest.rpartition('@')[2]}: only http, https and file are understood."
        )


def _resolve_policy(
    settings: Settings,
    options: FileOptions,
    requirements: Iterable[RootRequirement],
    given: Sequence[tuple[str, object]],
) -> ResolvePolicy:
    typed = [(name, str(value)) for name, value in given if name in {"only-binary", "no-binary"}]
    # What was typed comes after what variables and files say: the later word about a project counts.
    said = [
        (name, value)
        for name in ("only-binary", "no-binary")
        for value in settings.words(name)[sum(1 for other, _ in typed if other == name) :]
    ]
    return ResolvePolicy(
        upgrade=settings.flag("upgrade"),
        upgrade_strategy=UpgradeStrategy(settings.text("upgrade-strategy") or ""),
        force_reinstall=settings.flag("force-reinstall"),
        pre=settings.flag("pre") or options.pre,
        no_deps=settings.flag("no-deps"),
        # One --hash asks for all of them: pip's hash-checking mode.
        require_hashes=settings.flag("require-hashes")
        or options.require_hashes
        or any(root.hashes for root in requirements),
        ignore_requires_python=settings.flag("ignore-requires-python"),
        ignore_installed=settings.flag("ignore-installed"),
        formats=fold_formats((*said, *typed, *options.formats)),
    )


def _install_policy(settings: Settings) -> InstallPolicy:
    return InstallPolicy(
        allow_breaking=_names(settings, "allow-breaking"),
        allow_clash=_names(settings, "allow-clash"),
        allow_bad_record=_names(settings, "allow-bad-record"),
        replace_unowned=settings.flag("replace-unowned"),
        compile_bytecode=settings.maybe("compile-bytecode"),
        link_mode=LinkMode(settings.text("link-mode") or ""),
        fsync=not settings.flag("no-fsync"),
        shared=_sharing(settings),
    )


def _sharing(settings: Settings) -> Sharing | None:
    if settings.text("shared") is None:
        return None
    from holdfast.config.sharing import sharing  # noqa: PLC0415 - seldom asked for

    return sharing(settings)


def _names(settings: Settings, name: str) -> frozenset[NormalizedName]:
    return frozenset(
        canonicalize_name(part) for word in settings.words(name) for part in word.replace(",", " ").split()
    )


def _described(command: str, names: Iterable[NormalizedName]) -> str:
    """For the owner's record: project names only, so that no URL's credentials get into it."""
    return " ".join((command, *dict.fromkeys(names)))


def _expanded(path: str | None) -> str | None:
    return os.path.expanduser(path) if path else None


def _path_or_version(text: str | None) -> str | None:
    return os.path.expanduser(text) if text and text.startswith("~") else text
