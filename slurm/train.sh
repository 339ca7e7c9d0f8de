#!/usr/bin/env bash
# Trains on all GPUs of the allocation; options of sbatch before the script, of train.py after it:
#
#     sbatch slurm/train.sh -m fastscnn --mixed-precision
#     sbatch --nodes=4 --ntasks-per-node=8 --gpus-per-node=8 slurm/train.sh -m deeplabv3+ -b 8
#     sbatch --array=0-20 slurm/train.sh --mixed-precision          # all models
#     sbatch --array=0-4 slurm/train.sh --sweep training/sweeps/bdd100k.toml
#     STAGE=1 sbatch slurm/train.sh -m unet                         # from the nodes' own disks
#
# Submit in the repository's folder. A job that reaches its time limit saves, is queued again, and goes on.
#SBATCH --job-name=train
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.out
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?submit me: sbatch slurm/train.sh ...}"
# shellcheck source=slurm/job.sh
source slurm/job.sh

model_of_array "$@"
stage "$@"
status=0
ranks train.py --job "$job" "${model[@]}" "${dataset[@]}" "$@" || status=$?
finish "$status"
