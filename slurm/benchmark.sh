#!/usr/bin/env bash
# Measures on a node of its own; a benchmark and its options follow:
#
#     sbatch slurm/benchmark.sh inference --runtimes keras,onnx --save
#SBATCH --job-name=benchmark
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --exclusive
#SBATCH --time=2:00:00
#SBATCH --no-requeue
#SBATCH --output=%x-%j.out
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?submit me: sbatch slurm/benchmark.sh ...}"
# shellcheck source=slurm/job.sh
source slurm/job.sh

ranks benchmark.py "$@"
