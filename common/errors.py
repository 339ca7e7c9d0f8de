"""The one exception for mistakes of the user: a wrong path, a broken picture, a bad option."""

EXIT_USER_ERROR = 2  # the exit status that argparse uses for bad options


class UserError(ValueError):
    """One line that names the thing and the cure; the command lines print it without a traceback."""
