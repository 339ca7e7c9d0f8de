"""What a step sends between ranks: calls, tensors and bytes, noted while the step is traced."""

from training.ranks.ranks import Ranks


class Tally(Ranks):
    """Passes everything on to other ranks, and notes each exchange of tensors.

    Attributes:
        calls: of each exchange, what is sent, its tensors and their bytes, before any compression.
    """

    def __init__(self, ranks: Ranks):
        self._ranks, self.calls = ranks, []
        self.rank, self.size, self.local_rank = ranks.rank, ranks.size, ranks.local_rank

    def sums(self, tensors: list) -> list:
        self._note("statistics", tensors)
        return self._ranks.sums(tensors)

    def sum_gradients(self, gradients: list) -> list:
        self._note("gradients", gradients)
        return self._ranks.sum_gradients(gradients)

    def across(self, sums: tuple) -> tuple:
        self._note("loss", sums)
        return self._ranks.across(sums)

    def _note(self, what: str, tensors):
        sent = sum(tensor.shape.num_elements() * tensor.dtype.size for tensor in tensors)
        self.calls.append({"what": what, "tensors": len(tensors), "bytes": sent})
