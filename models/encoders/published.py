"""What the weights of an encoder are published as."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A file of ImageNet weights that keras.applications would fetch."""

    file: str
    folder: str  # its address without the file's name
    md5: str | None = None

    @property
    def address(self) -> str:
        """Where it is fetched from."""
        return self.folder + self.file
