#!/usr/bin/env bash
# Measures on a node of its own; a benchmark and its options follow:
#
#     sbatch slurm/benchmark.sh inference --runtimes keras,onnx --save
#     sbatch --array=0-151 slurm/benchmark.sh sweep benchmarks/sweeps/gpu.toml --save    # a task for each configuration
#     sbatch --array=0-54 slurm/benchmark.sh zoo -p $CITYSCAPES_DATASET --save         # a task for each published network
#
# How many configurations a sweep has: python benchmark.py sweep benchmarks/sweeps/gpu.toml --count
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

only=()
[ -z "${SLURM_ARRAY_TASK_ID:-}" ] || only=(--only "$SLURM_ARRAY_TASK_ID")
ranks benchmark.py "$@" "${only[@]}"
