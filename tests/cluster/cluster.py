"""A real Slurm cluster of several nodes on one machine, for tests.

Each node is a set of namespaces (network, hostname, mounts, processes) with one leg on a bridge, a hostname, a boot id, a
/dev/shm and a process table of its own; the login node, another one, holds the bridge, munged and slurmctld. The death of a
node's first process ends everything on it at once, as a power cut does. All nodes share this machine's folders, as they would
share a parallel file system. Nothing of the host's network is touched, and nothing outlives this process."""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import time

NETWORK = "10.77.0"
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "unshare", "nsenter", "ip")
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"

# The first process of a node: reaps what it adopts, and never ends by itself.
INIT = """
set -e
mount --make-rprivate /
hostname "$1"
mount --bind "$2/hosts" /etc/hosts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
cat /proc/sys/kernel/random/uuid > "$2/$1.boot_id"
mount --bind "$2/$1.boot_id" /proc/sys/kernel/random/boot_id
ip link set lo up
trap '' TERM INT HUP
: > "$2/$1.ready"
sleep infinity &
wait
"""

CONFIGURATION = """
ClusterName=test
SlurmctldHost=login({network}.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
TmpFS={folder}/tmp.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2,sched_min_interval=100000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
KillWait={kill_wait}
MinJobAge=3600
InactiveLimit=0
SlurmctldTimeout=10
SlurmdTimeout=10
BatchStartTimeout=10
MessageTimeout=5
TCPTimeout=2
UnkillableStepTimeout=60
SlurmdParameters=config_overrides
SlurmctldParameters=preempt_send_user_signal
NodeName=n[1-{nodes}] NodeAddr={network}.[11-{last}] CPUs={cpus} RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES PriorityTier=10 PreemptMode=REQUEUE GraceTime=4 MaxTime=60 DefaultTime=10 State=UP
PartitionName=high Nodes=ALL PriorityTier=50 PreemptMode=OFF MaxTime=60 DefaultTime=10 State=UP
"""


class Unavailable(Exception):
    """This machine cannot play a cluster."""


def until(limit, is_so, what):
    """Waits for what is to be so within that many seconds; returns what it then is."""
    end = time.monotonic() + limit
    while not (found := is_so()):
        if time.monotonic() > end:
            raise AssertionError("after %d s: not %s" % (limit, what() if callable(what) else what))
        time.sleep(0.1)
    return found


def only_child(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        children = file.read().split()
    return int(children[0]) if children else 0


class Cluster:
    def __init__(self, nodes=2, cpus=4, kill_wait=5):
        missing = [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]
        if missing:
            raise Unavailable("there is no %s" % missing[0])
        if os.geteuid() != 0:
            raise Unavailable("namespaces are root's")
        tried = subprocess.run(["unshare", "-n", "-u", "-m", "-p", "-f", "--mount-proc", "true"], capture_output=True, text=True)
        if tried.returncode != 0:
            raise Unavailable("no namespaces are to be had: " + tried.stderr.strip())
        self.nodes = ["n%d" % (i + 1) for i in range(nodes)]
        self.folder = tempfile.mkdtemp(prefix="lockstep-cluster-")
        os.chmod(self.folder, 0o755)
        self.holders = {}  # what holds each node's first process
        self.daemons = {}
        try:
            self._start(cpus, kill_wait)
        except BaseException:
            self.stop()
            raise

    def _start(self, cpus, kill_wait):
        for name in ("munge", "state", "log"):
            os.mkdir(os.path.join(self.folder, name))
        addresses = {"login": "%s.1" % NETWORK, **{name: "%s.%d" % (NETWORK, 11 + i) for i, name in enumerate(self.nodes)}}
        self._write("hosts", "127.0.0.1 localhost\n" + "".join("%s %s\n" % (address, name) for name, address in addresses.items()))
        self._write("slurm.conf", CONFIGURATION.format(network=NETWORK, folder=self.folder, kill_wait=kill_wait, nodes=len(self.nodes),
                                                       last=10 + len(self.nodes), cpus=cpus))
        self._boot("login")
        for command in (["ip", "link", "add", "br0", "type", "bridge"], ["ip", "addr", "add", addresses["login"] + "/24", "dev", "br0"],
                        ["ip", "link", "set", "br0", "up"]):
            subprocess.run(self._inside("login") + command, check=True)
        key = os.path.join(self.folder, "munge/key")
        self._write("munge/key", os.urandom(64).hex())
        os.chmod(key, 0o600)
        munge = os.path.join(self.folder, "munge")
        self._daemon("munged", "login", ["munged", "--foreground", "--force", "--key-file=" + key, "--socket=%s/socket" % munge,
                                         "--pid-file=%s/pid" % munge, "--seed-file=%s/seed" % munge, "--log-file=%s/munged" % munge])
        until(10, lambda: os.path.exists(munge + "/socket"), "munged listens")
        self.start_controller()
        for name in self.nodes:
            self.start_node(name)
        until(60, self.is_idle, "all nodes are idle")

    def stop(self):
        for holder in self.holders.values():
            holder.kill()
        for process in [*self.holders.values(), *self.daemons.values()]:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as file:
            file.write(text)

    def _boot(self, name):
        ready = os.path.join(self.folder, name + ".ready")
        if os.path.exists(ready):
            os.remove(ready)
        # Each dies with the one before it: this process, the holder, the node's first process, all of the node.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "-n", "-u", "-m", "-p", "-f", "--mount-proc", "--kill-child=KILL",
                   "bash", "-c", INIT, "init", name, self.folder]
        with open(os.path.join(self.folder, "log", name + ".init"), "a") as log:
            self.holders[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                                  env=dict(os.environ, PATH=PATH))
        until(10, lambda: os.path.exists(ready), "%s is up" % name)

    def _init_of(self, name):
        return only_child(self.holders[name].pid)

    def _inside(self, name):
        return ["nsenter", "-t", str(self._init_of(name)), "-n", "-u", "-m", "-p", "--wdns=" + os.getcwd(), "--"]

    def _environment(self):
        return dict(os.environ, PATH=PATH, SLURM_CONF=os.path.join(self.folder, "slurm.conf"), OMPI_ALLOW_RUN_AS_ROOT="1",
                    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_hwloc_base_binding_policy="none", OMPI_MCA_mpi_yield_when_idle="1")

    def _daemon(self, key, node, command):
        with open(os.path.join(self.folder, "log", key), "a") as log:
            self.daemons[key] = subprocess.Popen(self._inside(node) + command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                                 env=self._environment())

    def run(self, *command, cwd=None, node="login", check=True, limit=60):
        """On a node, in that folder; what it printed."""
        inside = ["nsenter", "-t", str(self._init_of(node)), "-n", "-u", "-m", "-p", "--wdns=" + (cwd or os.getcwd()), "--"]
        done = subprocess.run(inside + list(command), capture_output=True, text=True, env=self._environment(), timeout=limit)
        if check and done.returncode != 0:
            raise AssertionError("%s: %s" % (command, done.stderr))
        return done.stdout

    def is_idle(self):
        lines = self.run("sinfo", "-h", "-N", "-p", "main", "-o", "%N %T", check=False).splitlines()
        return sum(line.endswith(" idle") for line in set(lines)) == len(self.nodes)

    # Jobs.
    def submit(self, script, *options, cwd):
        with open(os.path.join(cwd, "job.sh"), "w") as file:
            file.write(script)
        said = self.run("sbatch", "--parsable", "--output=job.log", "--open-mode=append", *options, "job.sh", cwd=cwd)
        return said.strip().split(";")[0]

    def job(self, number):
        """What Slurm says of it."""
        said = self.run("scontrol", "-o", "show", "job", number)
        return dict(re.findall(r"(\w+(?:/\w+)?)=(\S*)", said))

    def await_state(self, number, *states, limit=120):
        return until(limit, lambda: self.job(number)["JobState"] in states and self.job(number), "job %s is %s" % (number, " or ".join(states)))

    # What happens to clusters.
    def start_node(self, name):
        index = self.nodes.index(name)
        if name not in self.holders or self.holders[name].poll() is not None:
            self._boot(name)
            init = self._init_of(name)
            login = self._inside("login")
            subprocess.run(login + ["ip", "link", "del", "v%d" % index], stderr=subprocess.DEVNULL)
            # The other end is made on the host's side of nothing: it is born in the node's own network.
            subprocess.run(["nsenter", "-t", str(self._init_of("login")), "-n", "--", "ip", "link", "add", "v%d" % index, "type", "veth", "peer",
                            "name", "eth0", "netns", str(init)], check=True)
            subprocess.run(login + ["ip", "link", "set", "v%d" % index, "master", "br0", "up"], check=True)
            node = self._inside(name)
            subprocess.run(node + ["ip", "addr", "add", "%s.%d/24" % (NETWORK, 11 + index), "dev", "eth0"], check=True)
            subprocess.run(node + ["ip", "link", "set", "eth0", "up"], check=True)
        for kind in ("spool", "tmp"):
            os.makedirs(os.path.join(self.folder, "%s.%s" % (kind, name)), exist_ok=True)
        self._daemon("slurmd." + name, name, ["slurmd", "-D", "-N", name])

    def cut_power(self, name):
        self.holders[name].kill()
        self.holders[name].wait()

    def pull_cable(self, name):
        subprocess.run(self._inside("login") + ["ip", "link", "set", "v%d" % self.nodes.index(name), "nomaster"], check=True)

    def plug_in(self, name):
        subprocess.run(self._inside("login") + ["ip", "link", "set", "v%d" % self.nodes.index(name), "master", "br0", "up"], check=True)

    def start_controller(self):
        self._daemon("slurmctld", "login", ["slurmctld", "-D"])
        until(20, lambda: self.run("scontrol", "ping", check=False).find("is UP") >= 0, "slurmctld answers")

    def logs(self):
        """The ends of all its logs, for the message of a failed test."""
        ends = []
        for path in sorted(glob.glob(self.folder + "/log/*")):
            with open(path, errors="replace") as file:
                ends.append("%s: %s" % (os.path.basename(path), file.read()[-500:]))
        return "\n".join(ends)
