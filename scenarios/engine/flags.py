"""Which scenarios are on, in one JSON file of flagd's shape, so that other tools can read it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scenarios.engine.sandbox import Sandbox, read_facts, write_facts


def read_flags(sandbox: Sandbox) -> list[str]:
    """Return the slugs that are on, in the order in which they are merged."""
    return read_facts(sandbox.flags, _in_order) or []


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
    write_facts(sandbox.flags, {"flags": flags})


def _in_order(flags: Mapping[str, Any], **_others: Any) -> list[str]:
    on = {slug: flag for slug, flag in flags.items() if flag["defaultVariant"] == "on"}
    return sorted(on, key=lambda slug: on[slug].get("metadata", {}).get("order", 0))
