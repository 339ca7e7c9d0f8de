"""A SLURM of two nodes on this machine, as real as two daemons and a controller make it.

Needs Debian's slurm-wlm and munge; everything else, keys and sockets included, lies in one folder. The
processors and GPUs that the nodes claim to have are only counted, not bound.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
SBIN = "/usr/sbin"
NODES = ("n0", "n1")
CONFIGURATION = """
ClusterName=town
SlurmctldHost=localhost
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=0
ReturnToService=2
SlurmdTimeout=10
KillWait=30
MinJobAge=3600
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName=n0 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[1]} CPUs=8 Gres=gpu:4
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[2]} CPUs=8 Gres=gpu:4
PartitionName=all Nodes=n0,n1 Default=YES MaxTime=60 OverSubscribe=NO
"""


def missing() -> list[str]:
    """Programs that this machine lacks."""
    return [name for name in PROGRAMS if not shutil.which(name, path=f"{os.environ['PATH']}:{SBIN}")]


class Cluster:
    """Starts on entering, and leaves nothing behind."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # short: paths of sockets end at 108 letters
        self._daemons: dict[str, subprocess.Popen] = {}
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))
        }
        self.environment |= {
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": f"{os.environ['PATH']}:{SBIN}",
        }

    def __enter__(self):
        try:
            self._configure()
            self._munge()
            self._start("slurmctld", "slurmctld", "-D", "-i")
            for node in NODES:
                self.start_node(node)
            self.wait(self.idle, 60)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with suppress(subprocess.CalledProcessError, subprocess.TimeoutExpired):
            self.call("scancel", "--signal=KILL", "--state=running", timeout=10)
        for name in [*NODES, "slurmctld", "munged"]:
            if name in self._daemons:
                self.kill(name)
        self._kill_steps()
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, *words, timeout=60, **variables) -> str:
        """Run one of SLURM's commands; what it prints."""
        done = subprocess.run(
            [str(word) for word in words],
            env=self.environment | variables,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, words, done.stdout, done.stderr)
        return done.stdout

    def show(self, job) -> dict[str, str]:
        """What `scontrol show job` tells of a job."""
        text = self.call("scontrol", "show", "job", "--oneliner", job)
        return dict(part.split("=", 1) for part in text.split() if "=" in part)

    def wait(self, ready, seconds: float):
        """Ask `ready()` until it tells something; that."""
        end = time.monotonic() + seconds
        while not (told := ready()):
            assert time.monotonic() < end, f"not ready in {seconds} s; {self.state()}"
            time.sleep(0.3)
        return told

    def state(self) -> str:
        """For messages."""
        with suppress(subprocess.SubprocessError):
            return self.call("squeue", "--all", timeout=10) + self.call("sinfo", timeout=10)
        return "slurmctld does not answer"

    def start_node(self, node: str) -> None:
        """Start a node's daemon."""
        self._start(node, "slurmd", "-D", "-N", node)

    def kill(self, name: str) -> None:
        """Kill a daemon."""
        daemon = self._daemons.pop(name)
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()

    def crash(self, node: str) -> None:
        """Kill a node's daemon and all that runs on the node, as a loss of power would."""
        self.kill(node)
        self._kill_steps(node)

    def processes(self, node: str = "n") -> set[int]:
        """The processes of jobs on a node, or on all, and the managers of their steps."""
        found = set()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                variables = (folder / "environ").read_bytes()
                if all(text.encode() in variables for text in (str(self.folder), f"SLURMD_NODENAME={node}")):
                    found |= {int(folder.name), self._parent(int(folder.name))}
        return {process for process in found if process not in (1, os.getpid())}

    def _configure(self):
        (self.folder / "state").mkdir()
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        ports = [one.getsockname()[1] for one in sockets]
        for one in sockets:
            one.close()
        user = "root" if os.getuid() == 0 else os.environ.get("USER", str(os.getuid()))
        text = CONFIGURATION.format(user=user, folder=self.folder, ports=ports)
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "gres.conf").write_text(f"Name=gpu File={self.folder}/gpu[0-3]\n")
        for number in range(4):
            (self.folder / f"gpu{number}").touch()
        (self.folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        for node in NODES:
            (self.folder / node).mkdir()

    def _munge(self):
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        self.folder.chmod(0o755)
        files = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munge.pid"}
        files |= {"log-file": "munge.log", "seed-file": "munge.seed"}
        self._start(
            "munged", "munged", "-F", "--force", *(f"--{n}={self.folder / f}" for n, f in files.items())
        )
        self.wait((self.folder / "munge.socket").exists, 10)

    def _start(self, name: str, *words):
        with open(self.folder / f"{name}.out", "ab") as output:
            self._daemons[name] = subprocess.Popen(
                words, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def idle(self) -> bool:
        """Whether both nodes wait for work."""
        with suppress(subprocess.CalledProcessError):
            return self.call("sinfo", "--noheader", "-o", "%T %D").split() == ["idle", "2"]
        return False

    def _parent(self, process: int) -> int:
        return int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])

    def _kill_steps(self, node: str = "n"):
        for process in self.processes(node):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
