"""What the outside world answers when it will not do what it is asked."""


class Refusal(Exception):
    """A call is refused: the caller gets the status, a code for programs and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, object]:
        """The refusal as the JSON body of an answer."""
        return {"error": {"code": self.code, "message": self.message}}


class CannotStart(Exception):
    """The outside world cannot start; the message is one sentence for the person who tried."""
