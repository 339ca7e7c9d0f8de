"""The one exception for what a user can mend: a wrong path, a broken image, a bad option, a full disk."""

EXIT_USER_ERROR = 2  # the exit status that argparse uses for bad options
EXIT_NOT_FINITE = 70
EXIT_NO_PROGRESS = 71
EXIT_RANK_LOST = 72
EXIT_STALLED = 73
EXIT_DISK_FULL = 74
EXIT_RUN_AGAIN = 75  # interrupted and saved: the same command with --resume goes on; batch systems requeue it
EXIT_INTERRUPTED = 130  # the same, by the user's own Ctrl-C


class UserError(ValueError):
    """One line that names the thing and the cure; the command lines print it without a traceback."""

    status = EXIT_USER_ERROR


class DiskFullError(UserError):
    """No space, or no quota, for what has to be written."""

    status = EXIT_DISK_FULL


class NotFiniteError(UserError):
    """A loss or gradient that is no longer a number."""

    status = EXIT_NOT_FINITE


class NoProgressError(UserError):
    """A run that is restarted again and again without getting any further."""

    status = EXIT_NO_PROGRESS


class RankLostError(UserError):
    """Another process of the run has ended; its own message says why."""

    status = EXIT_RANK_LOST
