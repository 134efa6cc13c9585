"""How what is done with volumes and subvolumes fails."""


class LvmFailed(Exception):
    """LVM did not do, or not say, what it was asked for; the message says what."""


class BtrfsFailed(Exception):
    """It was not done, or cannot be told; the message says what."""


class NotOpened(Exception):
    """What is on a snapshot cannot be read; the message says why."""


class NotClosed(Exception):
    """Something that was opened is still open; the next run tries again."""
