"""Caches a connector's answers for an hour, because each takes seconds of start-up and four commands in a row ask the same.

An answer is reused only for the same command, the same arguments and the same installation: the versions of all packages in
the connector's environment, and path, size and time of every file of its own package, so that an edit counts as well. A
command whose installation cannot be told (a container, a script) is asked every time. Answers hold no secret: the connector
never got one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 3600
# What a program needs to start and to write text; secrets have other names.
_PASSED = ("PATH", "HOME", "PYTHONPATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "SYSTEMROOT")

# Runs in the connector's own interpreter. Prints a digest of the installation behind a console script, or nothing.
_PROBE = """
import hashlib, importlib.metadata as metadata, importlib.util, os, sys
found = [e for e in metadata.entry_points(group="console_scripts") if e.name == sys.argv[1]]
spec = importlib.util.find_spec(found[0].value.partition(":")[0].partition(".")[0]) if found else None
if spec is not None and spec.origin:
    digest = hashlib.sha256(sys.version.encode())
    for folder in sys.path:
        if os.path.isdir(folder):
            digest.update("\\n".join(sorted(n for n in os.listdir(folder) if n.endswith(".dist-info"))).encode())
    for folder, folders, names in os.walk(os.path.dirname(spec.origin)):
        folders.sort()
        for name in sorted(names):
            if not name.endswith(".pyc"):
                stat = os.stat(os.path.join(folder, name))
                digest.update(f"{folder}/{name} {stat.st_size} {stat.st_mtime_ns}".encode())
    print(digest.hexdigest())
"""


def environment() -> dict[str, str]:
    """The environment of a connector: none of the caller's secrets."""
    return {name: os.environ[name] for name in _PASSED if name in os.environ}


def identity(program: Path) -> str | None:
    """A digest of what is installed behind a console script; None when `program` is none or it cannot be told."""
    try:
        head = program.read_bytes()[:1024].decode("utf-8", "replace")
    except OSError:
        return None
    # `#!/path/python`, or the two lines of shell that installers write when the path is too long for that.
    interpreter = re.search(r"(/[^\s'\"]*/python[\d.]*)", "\n".join(head.splitlines()[:3])) if head.startswith("#!") else None
    if interpreter is None:
        return None
    try:
        done = subprocess.run(
            [interpreter.group(1), "-c", _PROBE, program.name],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env=environment(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def cached(installation: str | None, question: list[str], ask: Callable[[], str]) -> str:
    """The answer to `question`, from the cache when it is fresh, else from `ask`, whose failures are not kept."""
    if installation is None:
        return ask()
    key = hashlib.sha256(json.dumps([installation, question]).encode()).hexdigest()
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airbyte-config-tool"
    file = folder / f"{key}.txt"
    try:
        if time.time() - file.stat().st_mtime < SECONDS:
            return file.read_text(encoding="utf-8")
    except OSError:
        pass
    answer = ask()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = folder / f"{key}.{os.getpid()}.tmp"
        temporary.write_text(answer, encoding="utf-8")
        os.replace(temporary, file)
        for old in folder.iterdir():
            if time.time() - old.stat().st_mtime > SECONDS:
                old.unlink()
    except OSError:
        pass  # a cache that cannot be written is no reason to fail
    return answer
