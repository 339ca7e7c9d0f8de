"""Losses on sparse labels, by name; pixels labelled 255 count for nothing.

Every loss is a value of sums over pixels, classes or images (`training.losses.total`), so that it comes
out the same however many ranks share a batch. Nothing here imports TensorFlow: the names are for the
command line.
"""

from common.errors import UserError

OF_PIXELS = ("ce", "focal", "ohem")  # means over pixels; the others measure the overlap of areas
NAMES = (*OF_PIXELS, "dice", "tversky", "lovasz")


def parse(text: str) -> tuple[str, ...]:
    """The terms of a loss such as `ce+dice`.

    Raises:
        UserError: a name that is unknown or comes twice.
    """
    terms = tuple(text.split("+"))
    for term in terms:
        if term not in NAMES:
            raise UserError(
                f"unknown loss '{term}'; there are {', '.join(NAMES)}, and sums of them such as ce+dice"
            )
    if len(set(terms)) < len(terms):
        raise UserError(f"`loss` {text} names a term twice; each one counts once")
    return terms


def require_fitting(loss: str, smoothing: float) -> None:
    """Raise UserError if there is no such loss, or if none of its terms has labels to smooth."""
    terms = parse(loss)
    if smoothing and not set(terms) & set(OF_PIXELS):
        raise UserError(
            f"`label_smoothing` is for {', '.join(OF_PIXELS)}, not for `loss` {loss}; leave it out"
        )
