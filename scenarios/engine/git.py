"""git, called so that the settings of whoever uses the machine have no part in it."""

import errno
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from scenarios.engine.refusal import RefusedError

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
# Quick, and the same name for the same content on every machine.
_OPTIONS = ["-c", "core.autocrlf=false", "-c", "core.compression=0", "-c", "core.quotePath=false"]


class GitFailedError(Exception):
    """git ended with an error; the text is what it said."""


def run_git(*arguments: str | Path, environment: Mapping[str, str | Path] | None = None) -> str:
    """Run git and return what it printed.

    :raises GitFailedError: when git says no.
    :raises OSError: when the disk is full or may not be written to.
    :raises RefusedError: when there is no git.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    asked = {name: str(value) for name, value in (environment or {}).items()}
    try:
        done = subprocess.run(
            ["git", *_OPTIONS, *map(str, arguments)],
            env=own | _ENVIRONMENT | asked,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
        )
    except FileNotFoundError:
        raise RefusedError(
            "git is not there, and the workspace is a git repository: install git, "
            "and run the command again."
        ) from None
    if done.returncode:
        # It does not say why it could not write a file of a work tree.
        said = done.stderr.replace("unable to write file", os.strerror(errno.ENOSPC))
        for number in (errno.ENOSPC, errno.EROFS, errno.EACCES):
            if os.strerror(number) in said:
                raise OSError(number, os.strerror(number))
        raise GitFailedError(said.strip())
    return done.stdout
