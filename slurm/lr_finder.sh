#!/usr/bin/env bash
# Finds a learning rate with as many GPUs as will train, by SGD unless -f names another optimizer:
#
#     sbatch slurm/lr_finder.sh -m fastscnn --momentum 0.9
#     sbatch --array=0-4 slurm/lr_finder.sh -f adam                 # of all five models
#SBATCH --job-name=lr_finder
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=1:00:00
#SBATCH --no-requeue
#SBATCH --output=%x-%j.out
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?submit me: sbatch slurm/lr_finder.sh ...}"
# shellcheck source=slurm/job.sh
source slurm/job.sh

model_of_array "$@"
stage "$@"
ranks train.py -f sgd "${model[@]}" "${dataset[@]}" "$@"
