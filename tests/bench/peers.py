"""What else does the same work, for scripts/bench: one function for each peer, None where it is not installed."""
import json
import os
import shutil
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MPI = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


def seconds(command, **options):
    """Of wall time that the command takes; it must succeed."""
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    return time.monotonic() - began


def make(work, count):
    """/bin/true as `count` targets, two at a time."""
    targets = " ".join("t%d" % n for n in range(count))
    with open(work + "/Makefile", "w") as file:
        file.write("all: %s\n%s:\n\t@/bin/true\n.PHONY: all %s\n" % (targets, targets, targets))
    return count / seconds(["make", "-s", "-j2", "-C", work])


def ninja(work, count):
    with open(work + "/build.ninja", "w") as file:
        file.write("rule t\n  command = /bin/true\n")
        file.writelines("build t%d: t\n" % n for n in range(count))
    shutil.rmtree(work + "/.ninja_log", ignore_errors=True)
    return count / seconds(["ninja", "-j2", "-C", work])


def xargs(_, count):
    return count / seconds(["xargs", "-P2", "-n1", "/bin/true"], input="".join("%d\n" % n for n in range(count)), text=True)


def mpi4py_futures(work, count):
    """No-op tasks through MPIPoolExecutor, a message for each, on two workers. The time is its own, without its start."""
    python = "/usr/bin/python3"  # Debian's, for which its packages are
    if subprocess.run([python, "-c", "import mpi4py"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        return None
    command = ["mpirun", "--oversubscribe", "-n", "3", python, "-m", "mpi4py.futures", HERE + "/mpi4py_peer.py", str(count)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=MPI, cwd=work).stdout)


def aws_local_stepfunctions(work, definition, value):
    """Seconds that npm's interpreter takes for one execution, without the start of node."""
    if not os.path.isdir(work + "/node_modules/aws-local-stepfunctions"):
        return None
    for name, content in (("peer.asl.json", definition), ("peer-input.json", value)):
        with open(os.path.join(work, name), "w") as file:
            json.dump(content, file)
    command = ["node", HERE + "/asl_peer.cjs", work + "/peer.asl.json", work + "/peer-input.json"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True,
                                env=dict(os.environ, NODE_PATH=work + "/node_modules")).stdout)
