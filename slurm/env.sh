# shellcheck shell=bash disable=SC2034 # what is set here is used by slurm/job.sh
# The one file to fit to a site. The job scripts read it on the first node, in the repository's folder; what is
# written NAME=${NAME:-value} may also be set for one job: `LAUNCHER=mpirun sbatch slurm/train.sh ...`.

# Modules: those that Horovod was built with (docs/hpc.md).
# module purge
# module load gcc/12 cuda/12.5 nccl openmpi/4.1

PYTHON=${PYTHON:-.venv/bin/python}

# How ranks are started.
#   srun        SLURM starts them, Gloo connects them; needs no MPI on either side
#   srun-pmix   SLURM starts them, MPI connects them; what `srun --mpi=list` shows may follow the dash:
#   srun-pmi2   the MPI that Horovod was built with has to know it
#   mpirun      Open MPI starts them through SLURM
LAUNCHER=${LAUNCHER:-srun}

# CPU binding. SLURM gives each rank its --cpus-per-task; here, how they are bound.
SRUN_OPTIONS=(--cpu-bind=cores)
MPIRUN_OPTIONS=(--bind-to none) # else Open MPI gives each rank, and all its threads, one core

# Network: the interface between nodes (`ip -brief address`), where the host name leads to another one.
# export HOROVOD_GLOO_IFACE=ib0 NCCL_SOCKET_IFNAME=ib0
# export NCCL_DEBUG=WARN

# Whether XLA compiles the steps on GPUs: 1, where Horovod was built for it, or 0.
export HOROVOD_ENABLE_XLA_OPS=${HOROVOD_ENABLE_XLA_OPS:-1}

# A container that has the packages; PYTHON is then the one in it. With Pyxis, SRUN_OPTIONS instead.
CONTAINER=()
# CONTAINER=(apptainer exec --nv --bind "$CITYSCAPES_DATASET" suite.sif) PYTHON=python3
# SRUN_OPTIONS+=(--container-image="$PWD/suite.sqsh" --container-mounts="$PWD,$CITYSCAPES_DATASET" --container-workdir="$PWD")

# With STAGE=1 the data set is unpacked here, once on each node.
STAGE_FOLDER=${STAGE_FOLDER:-${TMPDIR:-/tmp}}

# A job that wants to go on after a time limit is requeued so often.
MAX_REQUEUES=${MAX_REQUEUES:-50}
