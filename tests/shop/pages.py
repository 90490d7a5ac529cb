"""What a test reads on a page is what a check reads."""

from scenarios.kit.pages import *  # noqa: F403
