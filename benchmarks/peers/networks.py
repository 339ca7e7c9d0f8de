"""Which of our networks has which original: the tables of all packages together."""

from collections.abc import Iterator
from types import ModuleType

from benchmarks.peers import c3_sinet, edgenets, hub, mmseg, smp
from benchmarks.peers.network import Network
from common import packages
from common.errors import UserError


def by_package() -> dict[str, ModuleType]:
    """The packages, by the names that `models.weights.torch_export` has for them; the first found counts."""
    return {"smp": smp, "hub": hub, "mmseg": mmseg, "c3_sinet": c3_sinet, "edgenets": edgenets}


def all_networks() -> Iterator[tuple[str, Network]]:
    """(package, network) of all tables."""
    for name, package in by_package().items():
        for network in package.NETWORKS:
            yield name, network


def find(model: str, options: dict) -> tuple[str, Network]:
    """The first (package, network) of an architecture that has these options.

    Args:
        model: a key of `models.registry.ARCHITECTURES`.
        options: of the architecture; its others are as the tables have them.

    Raises:
        UserError: no package has it; the message says what there is of this architecture, or which ones.
    """
    of_model = [found for found in all_networks() if found[1].model == model]
    if not of_model:
        there_are = ", ".join(sorted({network.model for _, network in all_networks()}))
        raise UserError(f"no PyTorch package has {model}; there are: {there_are}")
    for package, network in of_model:
        if options.items() <= network.options.items():
            return package, network
    given = " ".join(map(str, options.values()))
    there_are = dict.fromkeys(" ".join(map(str, network.options.values())) for _, network in of_model)
    raise UserError(f"no PyTorch package has {model} with {given}; there are: {', '.join(there_are)}")


def require_installed(package: str) -> None:
    """Raise UserError unless a package can be imported."""
    found = by_package()[package]
    try:
        packages.require(f"the comparison with {found.TITLE}", found.NEEDS, "peers")
    except UserError as error:
        raise UserError(f"{error}{getattr(found, 'HOW_ELSE', '')}") from error
