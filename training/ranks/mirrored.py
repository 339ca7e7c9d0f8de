"""All GPUs of one machine in one process, by `tf.distribute.MirroredStrategy`: each holds a replica.

Here to be compared with Horovod: the same model, loss, optimizer, batches and checkpoints, another exchange.
"""

from functools import cached_property

import tensorflow as tf

from training.ranks.ranks import Ranks


class Mirrored(Ranks):
    """One process with several GPUs; what `Horovod` exchanges between processes, it does between replicas.

    `sums`, `sum_gradients`, `across` and `share` are for functions that `on_gpus` runs, outside of any
    `tf.cond` there: TensorFlow lets no replica wait for others in a branch.
    """

    kind = "replicas"

    @cached_property
    def strategy(self) -> tf.distribute.MirroredStrategy:
        """Made once `training.ranks.xla.prepare` has chosen the GPUs; where there is none, of the CPUs."""
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])

    @property
    def gpus_here(self) -> int:
        return self.strategy.num_replicas_in_sync

    def own(self, gpus: list) -> list:
        return gpus

    def scope(self):
        return self.strategy.scope()

    def on_gpus(self, compute, *values):
        return self.strategy.run(compute, values)

    def share(self, batch: tf.Tensor) -> tf.Tensor:
        with tf.device("CPU:0"):  # where the batch is: no GPU needs the others' images
            shares = tf.reshape(batch, [self.gpus_here, -1, *batch.shape[1:]])  # [replicas, B, H, W, ...]
            return shares[_replica().replica_id_in_sync_group]

    def parts(self, value) -> list:
        return list(self.strategy.experimental_local_results(value))

    def without_xla(self) -> str:
        return "`strategy` mirrored is not compiled by it, `strategy` horovod is"

    def sums(self, tensors: list) -> list:
        # on this replica's device, also what is read from a variable: else each would be exchanged by itself
        tensors = [tf.identity(tensor) for tensor in tensors]
        return _replica().all_reduce(tf.distribute.ReduceOp.SUM, tensors)

    def sum_gradients(self, gradients: list) -> list:
        return self.sums(gradients)


def _replica() -> tf.distribute.ReplicaContext:
    return tf.distribute.get_replica_context()
