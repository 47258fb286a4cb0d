"""What can go wrong, once for every surface: a code, a sentence, a hint, an exit status."""

from __future__ import annotations


class LikenessError(Exception):
    """Base of every error the core raises on purpose.

    `message` is one sentence that names the thing; `hint` is one sentence that says what to do.
    """

    code = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class BadRequest(LikenessError):
    """The request is wrong: unknown effect, parameter, value or frame range."""

    code = "bad_request"
    exit_code = 2


class BadInput(LikenessError):
    """A file the user gave cannot be used, or has not what the effect needs."""

    code = "bad_input"
    exit_code = 3


class BadModel(LikenessError):
    """A model file is missing, truncated, altered or not allowed."""

    code = "bad_model"
    exit_code = 4


class Cancelled(LikenessError):
    """The user stopped the job; finished frames are kept."""

    code = "cancelled"
    exit_code = 5


class BadOutput(LikenessError):
    """The result cannot be written: no permission, no space, not a folder."""

    code = "bad_output"
    exit_code = 1


def unexpected(error: BaseException) -> LikenessError:
    """An error that nobody foresaw, as one line for people; the log has the rest."""
    text = " ".join(str(error).split()).rstrip(".") or "no message"
    return LikenessError(
        f"{type(error).__name__}: {text}.", "This is a fault in the program; please report it."
    )
