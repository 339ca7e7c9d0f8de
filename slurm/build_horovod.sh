#!/usr/bin/env bash
# Builds Horovod for TensorFlow against what this machine has, and tries it with two ranks.
#
#     slurm/build_horovod.sh PYTHON
#
# Gloo is always in it; MPI where mpicc is found, NCCL where a CUDA toolkit is ($CUDA_HOME, or /usr/local/cuda)
# and NCCL's header (in it, in $HOROVOD_NCCL_HOME/include, or in /usr/include).
# The wheel is kept in $WHEELS, by what it was built for: later calls take seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:?give the Python of the environment that Horovod goes into, such as .venv/bin/python}

export HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1 HOROVOD_WITH_GLOO=1
export CMAKE_POLICY_VERSION_MINIMUM=3.5 # Gloo's build files are older than CMake 4
built_for="$("$python" -c 'import sys, importlib.metadata as m; print(f"py{sys.version_info[0]}{sys.version_info[1]}-tf" + m.version("tensorflow"))')-gloo"
if command -v mpicc > /dev/null; then
    export HOROVOD_WITH_MPI=1
    built_for+="-mpi-$(mpicc --version 2> /dev/null | cksum | cut -d' ' -f1)"
else
    export HOROVOD_WITHOUT_MPI=1
fi
cuda=${CUDA_HOME:-/usr/local/cuda}
if [ -d "$cuda" ] && { [ -f "$cuda/include/nccl.h" ] || [ -f "${HOROVOD_NCCL_HOME:-/usr}/include/nccl.h" ]; }; then
    export HOROVOD_GPU_OPERATIONS=NCCL HOROVOD_CUDA_HOME="$cuda"
    built_for+="-nccl"
fi

wheels=${WHEELS:-${XDG_CACHE_HOME:-$HOME/.cache}/street-scene-benchmark}/$built_for
if ! compgen -G "$wheels/horovod-*.whl" > /dev/null; then
    echo "building Horovod for $built_for: about six minutes on two cores"
    "$python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt 'setuptools<80' wheel cmake
    mkdir -p "$wheels"
    # pip's own cache knows a wheel by its name alone, and would hand out one that was built without MPI
    PATH="$(dirname "$python"):$PATH" "$python" -m pip wheel --no-cache-dir --quiet --disable-pip-version-check \
        --constraint constraints.txt --no-deps --no-build-isolation --wheel-dir "$wheels" horovod
fi
"$python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
    --force-reinstall --no-deps "$wheels"/horovod-*.whl # another build has the same version
"$python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$wheels"/horovod-*.whl

horovodrun="$(dirname "$python")/horovodrun"
told=$(mktemp) # the launchers import TensorFlow, which has much to say; it is shown where they fail
trap 'rm -f "$told"' EXIT
quietly() { "$@" 2> "$told" || { cat "$told" >&2; exit 1; }; }
quietly "$horovodrun" --check-build
quietly "$horovodrun" -np 2 "$python" -c '
from common import startup
startup.tensorflow()
import horovod.tensorflow as hvd
import tensorflow as tf
hvd.init()
total = float(hvd.allreduce(tf.constant(hvd.rank() + 1.0), op=hvd.Sum))
assert total == 3.0, total
print(f"rank {hvd.rank()} of {hvd.size()}: the sum of 1 and 2 is {total:g}")
'
