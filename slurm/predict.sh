#!/usr/bin/env bash
# Predicts with one GPU; options of predict.py follow:
#
#     sbatch slurm/predict.sh -w logs/fastscnn/RUN --split test
#SBATCH --job-name=predict
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=4:00:00
#SBATCH --no-requeue
#SBATCH --output=%x-%j.out
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?submit me: sbatch slurm/predict.sh ...}"
# shellcheck source=slurm/job.sh
source slurm/job.sh

stage "$@"
ranks predict.py "${dataset[@]}" "$@"
