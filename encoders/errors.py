"""The errors that users may see: one line that says what is wrong and how to mend it."""


class BodyMapsError(ValueError):
    """Bad input or a wish that cannot be met; its text is shown to the user as it is."""


class Cancelled(Exception):
    """Raised inside a progress callback to stop a long computation."""


def install(extra: str) -> str:
    """How to install an optional part of pyproject.toml."""
    return f"`python3 bootstrap.py --extra {extra}` installs it"
