"""tf2onnx's passes over a graph, in less time: the rules are tf2onnx's, and so is what comes out.

Its pass that moves transposes until they meet their opposites starts again from the graph's first node after
each move, and sorts the whole graph after each kernel that it reshapes: half of ESPNetv2's export, two thirds
of SegFormer-B5's. And after each of its three dozen passes it copies all weights: half of U-Net's export.
"""

from tf2onnx import optimizer
from tf2onnx.optimizer import transpose_optimizer

ORIGINAL = dict(optimizer._optimizers)


def install() -> None:
    """Let tf2onnx use the passes of this file."""
    for name, rules in {**ORIGINAL, "optimize_transpose": InOneGo}.items():
        optimizer._optimizers[name] = type(rules.__name__, (WithoutCopies, rules), {})


class WithoutCopies:
    """A pass that copies no weights into what will be written; `Graph.make_graph` does so at the end."""

    def optimize(self, graph, iteration):
        self.opt_iteration = iteration
        graph = self._optimize(graph)
        graph.delete_unused_nodes(graph.outputs)
        return graph


class InOneGo(transpose_optimizer.TransposeOptimizer):
    """Moves each transpose as far as it goes, then the next one, until none moves."""

    def pre_optimize_action(self):
        """Reshape constant kernels, and sort the graph once, after the last."""
        self._g.topological_sort = lambda nodes: None
        super().pre_optimize_action()
        del self._g.topological_sort  # the class's own is found again
        self._g.topological_sort(self._g.get_nodes())

    def _optimize_at_current_graph_level(self, graph):
        self._g = graph
        self.pre_optimize_action()
        while self._move():
            self.graph_been_opt = True
        self.merge_duplicated_transposes()
        self.post_optimize_action()
        return graph

    def _move(self) -> bool:
        """Go through all transposes once; whether any was moved or removed."""
        moved = False
        for node in list(filter(transpose_optimizer.is_transpose, self.nodes)):
            while self._is_there(node) and self._handle_nhwc_tranpose(node):
                moved = True
            if self._is_there(node) and transpose_optimizer.is_useless_transpose(node):
                self._remove_useless_tranpose(node)
                moved = True
        return moved

    def _is_there(self, node) -> bool:
        """Whether the graph still holds a node: rules remove nodes and make others."""
        return self._g.get_node_by_name(node.name) is node
