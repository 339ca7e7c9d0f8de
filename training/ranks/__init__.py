"""The processes of a run: how they start, exchange and wait; Horovod, replicas, devices."""
