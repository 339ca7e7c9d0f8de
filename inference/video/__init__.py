"""Moving images: frames in, an H.264 video of what a model sees out."""

from pathlib import Path

from common.errors import UserError

# a file is a video by its name; what it is made of is up to its content
SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".3gp")


def require_library() -> None:
    """Raise UserError unless PyAV is installed, which reads and writes videos."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"`output` needs PyAV; `pip install -c constraints.txt -e .[video]` ({error})"
        ) from error


def require_none(paths: list[Path]) -> None:
    """Raise UserError if a path is a video, of which no single images are written."""
    for path in paths:
        if path.suffix.lower() in SUFFIXES and path.is_file():
            raise UserError(f"{path} is a video; name the video to write with `output` FILE.mp4")
