"""Exceptions that a command prints as a line instead of a traceback."""


class InputError(ValueError):
    """Bad input from outside: a flag, a file or a score.

    The message is one line that says what is wrong, where, and what was
    expected there. Commands print it and exit with code 2; library callers
    may catch it as the `ValueError` that it is.
    """


class WorkerLostError(RuntimeError):
    """Another process of the same training run does not answer any more."""
