"""What the weights of an encoder are published as."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A file of ImageNet weights that keras.applications or torchvision would fetch.

    Attributes:
        file: its name.
        folder: its address without the name.
        md5: of the file, where it is published.
        sha256: its first digits, where they are.
    """

    file: str
    folder: str
    md5: str | None = None
    sha256: str = ""

    @property
    def address(self) -> str:
        """Where it is fetched from."""
        return self.folder + self.file


def torchvision(**digits: str) -> dict[str, Published]:
    """Torchvision's files of first weights by encoder, from the digits that their names end with."""
    folder = "https://download.pytorch.org/models/"
    return {name: Published(f"{name}-{end}.pth", folder, sha256=end) for name, end in digits.items()}
