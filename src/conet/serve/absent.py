"""What is asked for and not there, told apart from a fault of our own."""


class Absent(LookupError):
    """There is no such run, or no such part of it: its first argument says what."""
