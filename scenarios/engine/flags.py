"""Which scenarios are on, in one JSON file of flagd's shape, so that other tools can read it."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from scenarios.engine.sandbox import Sandbox, write_whole


def read_flags(sandbox: Sandbox) -> list[str]:
    """Return the slugs that are on, in the order in which they are merged."""
    try:
        flags = json.loads(_path(sandbox).read_text("utf-8"))["flags"]
        on = {slug: flag for slug, flag in flags.items() if flag["defaultVariant"] == "on"}
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return []
    return sorted(on, key=lambda slug: on[slug].get("metadata", {}).get("order", 0))


def write_flags(sandbox: Sandbox, all_slugs: Iterable[str], on: Sequence[str]) -> None:
    """Keep which slugs are on, and in which order."""
    flags = {
        slug: {
            "state": "ENABLED",
            "variants": {"on": True, "off": False},
            "defaultVariant": "on" if slug in on else "off",
            "metadata": {"order": on.index(slug) + 1} if slug in on else {},
        }
        for slug in sorted({*all_slugs, *on})
    }
    write_whole(_path(sandbox), json.dumps({"flags": flags}, indent=2) + "\n")


def _path(sandbox: Sandbox) -> Path:
    return sandbox.state / "flags.json"
