"""The one exception of the engine whose text is meant for the person at the terminal.

RefusedError                   it cannot be done: what, which and what to do, in one sentence
`-- AlreadyRunningError        another command holds this sandbox
"""


class RefusedError(Exception):
    """Say in one sentence what is wrong, about what, and what to do."""

    def __init__(self, sentence: str, last_lines: list[str] | None = None) -> None:
        """Take the sentence, and the last lines of a program's log when they explain it."""
        super().__init__(sentence)
        self.sentence = sentence
        self.last_lines = last_lines or []


class AlreadyRunningError(RefusedError):
    """Another cartwreck command holds this sandbox."""
