"""A CPU that stands for several devices, for what one process does with all its GPUs."""

import tensorflow as tf


def split_cpu(number: int) -> None:
    """Have this process's CPU be several logical devices; before TensorFlow has used it."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * number)
