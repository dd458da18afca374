"""Every setting of holdfast, by group. The groups are what commands are made of and what help shows."""

from __future__ import annotations

from holdfast.config.settings import Setting

TARGET = (
    Setting("python", "text", "interpreter or environment to change: a path, or a version such as 3.12",
            metavar="PATH|VERSION"),
    Setting("system", "flag", "change the system's Python environment"),
    Setting("target", "text", "install into DIR, which is not an environment", flags=("-t", "--target"), metavar="DIR"),
    Setting("prefix", "text", "install below DIR, in the layout of an environment", metavar="DIR"),
    Setting("user", "flag", "install into the user's site-packages"),
    Setting("root", "text", "install as if DIR were the root of the file system", metavar="DIR"),
    Setting("break-system-packages", "flag", "change an environment that is externally managed (PEP 668)"),
    Setting("require-virtualenv", "flag", "refuse anything but a virtual environment",
            flags=("--require-virtualenv", "--require-venv"), pip=True),
)  # fmt: skip

SOURCES = (
    Setting("index-url", "text", "the package index", default="https://pypi.org/simple",
            flags=("-i", "--index-url", "--pypi-url"), pip=True),
    Setting("extra-index-url", "list", "a further index, asked before --index-url", pip=True),
    Setting("no-index", "flag", "ignore indexes; only --find-links", pip=True),
    Setting("find-links", "list", "directory, file or page with wheels", flags=("-f", "--find-links"),
            metavar="PATH|URL", pip=True),
    Setting("index-strategy", "choice", "the first index that has the project wins, or the best version of all does",
            default="first-index", choices=("first-index", "unsafe-best-match")),
    Setting("only-binary", "list", "only wheels for these projects, or :all: (wheels only is all there is yet)",
            metavar="NAMES", pip=True),
    Setting("no-binary", "list", "no wheels for these projects, or :all:", metavar="NAMES", pip=True),
    Setting("constraint", "list", "limit versions by a file, without asking for what is in it",
            flags=("-c", "--constraint"), metavar="FILE", pip=True),
)  # fmt: skip

NETWORK = (
    Setting("timeout", "number", "seconds a server may stay silent", default=15.0,
            flags=("--timeout", "--default-timeout"), metavar="SECONDS", pip=True),
    Setting("retries", "integer", "how often a failed request is tried again", default=5, metavar="N", pip=True),
    Setting("proxy", "text", "proxy for all requests", metavar="URL", pip=True),
    Setting("cert", "text", "CA certificates to trust, PEM", metavar="FILE", pip=True),
    Setting("client-cert", "text", "client certificate with its key, PEM", metavar="FILE", pip=True),
    Setting("trusted-host", "list", "HOST or HOST:PORT whose certificate is not checked", metavar="HOST", pip=True),
    Setting("offline", "flag", "use only what is in the cache"),
)  # fmt: skip

RESOLVE = (
    Setting("upgrade", "flag", "take the newest that fits, whatever is installed", flags=("-U", "--upgrade")),
    Setting("upgrade-strategy", "choice", "whether -U upgrades dependencies too", default="only-if-needed",
            choices=("only-if-needed", "eager")),
    Setting("force-reinstall", "flag", "install again what is installed"),
    Setting("ignore-installed", "flag", "choose as if nothing were installed", flags=("-I", "--ignore-installed")),
    Setting("no-deps", "flag", "without dependencies", flags=("--no-deps", "--no-dependencies")),
    Setting("pre", "flag", "allow pre-releases"),
    Setting("prefer-binary", "flag", "accepted: wheels are all there is yet"),
    Setting("require-hashes", "flag", "every requirement must be pinned and have a --hash"),
    Setting("ignore-requires-python", "flag", "ignore Requires-Python"),
)  # fmt: skip

POLICY = (
    Setting("allow-breaking", "list", "go on although NAME's requirements will be broken", metavar="NAME"),
    Setting("allow-clash", "list", "go on although NAME replaces files of another distribution", metavar="NAME"),
    Setting("allow-bad-record", "list", "go on although NAME's wheel has a wrong RECORD", metavar="NAME"),
    Setting("replace-unowned", "flag", "replace files that belong to no distribution"),
)

PLACING = (
    Setting("compile-bytecode", "flag", "compile to bytecode (default: only with --system and in shared targets)",
            flags=("--compile-bytecode", "--compile"), off=("--no-compile-bytecode", "--no-compile")),
    Setting("link-mode", "choice", "how files get from the cache into the environment", default="auto",
            choices=("auto", "reflink", "hardlink", "copy", "symlink")),
)  # fmt: skip

SHARED = (
    Setting("shared", "optional", "give what is created to a group: g+w, setgid, and GROUP instead of the directory's",
            metavar="GROUP"),
)  # fmt: skip

LOCK = (
    Setting("lock-mode", "choice", "how the environment is locked (default: flock; marker where files have no locks)",
            choices=("flock", "marker", "none")),
    Setting("lock-timeout", "number", "how long to wait for the lock (0: try once, -1: for ever)", default=300.0,
            metavar="SECONDS"),
)  # fmt: skip

TRANSACTION = (
    *LOCK,
    Setting("no-fsync", "flag", "do not sync to disk: faster, not safe against power failure"),
    Setting("dry-run", "flag", "say what would be done, and do nothing", ambient=False),
    Setting("check", "flag", "as --dry-run; exit 10 if there is something to do", ambient=False),
)  # fmt: skip

JSON = (Setting("json", "flag", "the result, or the error, as JSON on stdout", ambient=False),)
REPORT = (Setting("report", "text", "write pip's installation report to FILE (-: stdout)", metavar="FILE|-",
                  ambient=False),)  # fmt: skip

CACHE = (
    Setting("cache-dir", "text", "where wheels and pages are kept", metavar="DIR"),
    Setting("no-cache", "flag", "keep nothing, use nothing kept", flags=("--no-cache", "--no-cache-dir")),
)

OUTPUT = (
    Setting("quiet", "count", "say less", flags=("-q", "--quiet")),
    Setting("verbose", "count", "say more", flags=("-v", "--verbose")),
    Setting("no-color", "flag", "without colours"),
    Setting("no-progress", "flag", "without a progress line"),
    Setting("progress-bar", "choice", "pip's spelling: off is --no-progress", default="auto",
            choices=("auto", "on", "off", "raw")),
    Setting("isolated", "flag", "ignore environment variables and the user's configuration", ambient=False),
)  # fmt: skip

IGNORED = (
    Setting("no-input", "flag", "accepted: holdfast never asks", ambient=False),
    Setting("disable-pip-version-check", "flag", "accepted: there is no such check", ambient=False),
    Setting("no-python-version-warning", "flag", "accepted: there is no such warning", ambient=False),
    Setting("no-warn-script-location", "flag", "accepted: there is no such warning", ambient=False),
    Setting("no-warn-conflicts", "flag", "accepted: conflicts are refused, see --allow-breaking", ambient=False),
    Setting("root-user-action", "text", "accepted: there is no such warning", ambient=False),
)
"""Options of pip that scripts pass and that change nothing here; help does not show them."""

GROUPS: tuple[tuple[str, tuple[Setting, ...]], ...] = (
    ("Target", TARGET),
    ("Where packages come from", SOURCES),
    ("Network", NETWORK),
    ("What is chosen", RESOLVE),
    ("What is allowed", POLICY),
    ("How files are placed", PLACING),
    ("Rights", SHARED),
    ("Transaction", TRANSACTION),
    ("Result", JSON + REPORT),
    ("Cache", CACHE),
    ("Output", OUTPUT),
    ("", IGNORED),
)

SETTINGS: tuple[Setting, ...] = tuple(setting for _, group in GROUPS for setting in group)
