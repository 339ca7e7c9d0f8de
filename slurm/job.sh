# shellcheck shell=bash disable=SC2034 # some of what is set here is used by the scripts
# What the job scripts share; they source it in the repository's folder.

# shellcheck source=slurm/env.sh
source slurm/env.sh

number=$SLURM_JOB_ID # of an array: one of the tasks' numbers is the whole array's
[ -z "${SLURM_ARRAY_JOB_ID:-}" ] || number=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
job=${SLURM_CLUSTER_NAME:-slurm}-$number
notes=.slurm/$job.${SLURM_RESTART_COUNT:-0} # the ranks' statuses; on the file system that all nodes see
server='' staged=''
export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1} # srun has not read SLURM_CPUS_PER_TASK since SLURM 22.05
export PYTHONUNBUFFERED=1                            # else the last lines of a killed rank are lost

say() {
    echo "slurm: job $job: $*" >&2
}

give_up() { # MESSAGE: a mistake of the user's
    say "error: $*"
    exit 2
}

clean_up() {
    [ -z "$server" ] || kill "$server" 2> /dev/null || true
    rm -rf "$notes"
    [ -z "$staged" ] || timeout 60 srun "${each_node[@]}" rm -rf "$staged" || true
    server='' staged=''
}
trap clean_up EXIT
stopped= # by a signal before the ranks are there, or when they have gone
trap 'stopped=1' USR1 TERM

each_node=(--nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --mpi=none)

# The model of an array's task, in the order of models/registry.py; a later -m/--model replaces it. Of --sweep FILE
# its run of that number.
model_of_array() { # ARGUMENTS of the program
    model=()
    [ -n "${SLURM_ARRAY_TASK_ID:-}" ] || return 0
    local models
    case " $* " in *" --sweep"*) model=(--only "$SLURM_ARRAY_TASK_ID") && return 0 ;; esac
    read -ra models < <("$PYTHON" -c 'import models; print(*models.ARCHITECTURES)') || true
    [ "$SLURM_ARRAY_TASK_ID" -lt "${#models[@]}" ] ||
        give_up "no model has number $SLURM_ARRAY_TASK_ID; submit with --array=0-$((${#models[@]} - 1)), or a part of it"
    model=(-m "${models[SLURM_ARRAY_TASK_ID]}")
}

# With STAGE=1: unpacks $CITYSCAPES_DATASET.tar, which is made where it is missing, on each node; $dataset names it.
stage() { # ARGUMENTS of the program
    dataset=()
    [ "${STAGE:-0}" = 1 ] || return 0
    [ -n "${CITYSCAPES_DATASET:-}" ] || give_up "STAGE=1 stages \$CITYSCAPES_DATASET: set it"
    local word archive=${CITYSCAPES_DATASET%/}.tar folder=$STAGE_FOLDER/street-scenes-$job
    for word in "$@"; do
        case $word in -p* | --path*) give_up "STAGE=1 stages \$CITYSCAPES_DATASET: leave $word out" ;; esac
    done
    if [ ! -f "$archive" ]; then
        say "packing $archive"
        tar --create --file "$archive.$job" --directory "$CITYSCAPES_DATASET" . && mv "$archive.$job" "$archive"
    fi
    say "unpacking $archive to $folder on each node"
    staged=$folder
    # shellcheck disable=SC2016 # these are the inner shell's
    srun "${each_node[@]}" bash -c '
        [ ! -d "$2" ] || exit 0 # by an earlier start of this job
        mkdir -p "$2.$SLURMD_NODENAME" && tar --extract --file "$1" --directory "$2.$SLURMD_NODENAME" || exit 74
        mv -T "$2.$SLURMD_NODENAME" "$2" || rm -rf "$2.$SLURMD_NODENAME"' stage "$archive" "$folder"
    dataset=(-p "$folder")
}

# Runs a program of the repository once in each of the job's tasks. Its status is the ranks' that tells most.
ranks() { # PROGRAM ARGUMENTS...
    local launch rendezvous=0 status=0
    case $LAUNCHER in
        srun)
            [ "${SLURM_NTASKS:-}" = 1 ] || start_server
            rendezvous=${port:-0}
            launch=(srun --mpi=none --distribution=block)
            ;;
        srun-*) launch=(srun --mpi="${LAUNCHER#srun-}" --distribution=block) ;;
        mpirun) launch=(mpirun -x PYTHONUNBUFFERED -x HOROVOD_ENABLE_XLA_OPS "${MPIRUN_OPTIONS[@]}") ;;
        *) give_up "no launcher '$LAUNCHER'; correct LAUNCHER in slurm/env.sh" ;;
    esac
    [ "${launch[0]}" = mpirun ] || launch+=(--kill-on-bad-exit=1 "${SRUN_OPTIONS[@]}")
    mkdir -p "$notes"
    supervise "${launch[@]}" "${CONTAINER[@]}" "$PYTHON" slurm/rank.py "$notes" "$rendezvous" "$PYTHON" "$@" || status=$?
    verdict "$status"
}

# Where ranks that srun starts learn of each other.
start_server() {
    local answers
    exec {answers}< <(exec "${CONTAINER[@]}" "$PYTHON" slurm/rendezvous.py)
    server=$!
    read -r -t 120 port <&"$answers" || give_up "the ranks' meeting place did not start; see above"
}

# Runs a command to its end. Signals to this shell become SIGUSR1 to it, which the launchers pass on to all ranks.
supervise() { # COMMAND ...
    local status=0
    "$@" &
    local child=$!
    # shellcheck disable=SC2064 # now
    trap "say 'told to stop'; kill -USR1 $child 2> /dev/null || true" USR1 TERM
    [ -z "$stopped" ] || kill -USR1 "$child" 2> /dev/null || true
    while :; do
        wait "$child" && status=0 || status=$?
        kill -0 "$child" 2> /dev/null || break # else a signal has ended the waiting
    done
    trap 'stopped=1' USR1 TERM
    return "$status"
}

# The status of a job: launchers tell the highest or the first of the ranks', or one of their own.
verdict() { # LAUNCHER'S-STATUS
    [ "$1" = 0 ] && return 0
    local noted cause
    noted=$(cat "$notes"/status-* 2> /dev/null | sort -n -u || true)
    for cause in $noted; do
        case $cause in 0 | 72 | 73 | 75 | 130 | 138 | 143) ;; *) return "$cause" ;; esac # the others follow from it
    done
    for cause in 138 73 72 130 75 143; do
        if grep -q -x "$cause" <<< "$noted"; then return "$cause"; fi
    done
    return "$1"
}

# Ends the job; with status 75, which asks to go on, it is queued again. A rank that SIGUSR1 killed had not begun.
finish() { # STATUS
    local status=$1 told
    [ "$status" != 138 ] || status=75
    [ "$status" = 75 ] || exit "$status"
    told=$(scontrol show job --oneliner "$number")
    if [[ $told != *" JobState=RUNNING "* && $told != *" Reason=TimeLimit "* ]]; then
        say "stopped and saved; not requeued, because it was cancelled, or SLURM itself queues it again"
    elif [ "${SLURM_RESTART_COUNT:-0}" -ge "$MAX_REQUEUES" ]; then
        say "stopped and saved; not requeued, because it was $MAX_REQUEUES times (MAX_REQUEUES in slurm/env.sh)"
    else
        say "stopped and saved; requeued for the $((${SLURM_RESTART_COUNT:-0} + 1)). time"
        clean_up
        scontrol requeue "$number"
    fi
    exit "$status"
}
