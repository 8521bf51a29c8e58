"""Installs the Debian package in a bare Debian 12 and runs a pipeline there: debian_package.py BUILD_FOLDER.

Needs root and Debian's packages (debootstrap fetches some 100 MB), so it is a part of scripts/test --long."""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

DEFINITION = '{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"job:t","End":true}}}'
JOBS = '{"jobs":[{"resource":"job:t","exec":["cat"]}]}'
INSTALL = "apt-get update -qq && apt-get install -y -qq /tmp/lockstep.deb >/dev/null"
USE = """
test -s /usr/share/man/man1/lockstep-run.1.gz || test -s /usr/share/man/man1/lockstep-run.1
test -s /usr/share/bash-completion/completions/lockstep
test -s /usr/share/lockstep/examples/first-day/sweep.asl.json
cd /package
lockstep --version
lockstep run machine.asl.json --input '[1]' --quiet
lockstep run machine.asl.json --input '[2]' --quiet --ranks 2
"""


def run(*command, **options):
    """Its standard output. What goes wrong is shown."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.exit("failed (%d): %s\n%s%s" % (done.returncode, " ".join(command), done.stdout[-3000:], done.stderr[-3000:]))
    return done.stdout


def need(*programs):
    missing = [package for program, package in programs if shutil.which(program) is None]
    if missing:
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing)


def copy_settings_of_apt(root):
    """Where this machine gets packages from, the bare one shall, too."""
    for path in ["/etc/resolv.conf", "/etc/hosts", *glob.glob("/etc/apt/sources.list*"), "/etc/apt/apt.conf.d"]:
        if os.path.isdir(path):
            shutil.rmtree(root + path, ignore_errors=True)
            shutil.copytree(path, root + path)
        elif os.path.exists(path):
            shutil.copy(path, root + path)


def main():
    build = os.path.abspath(sys.argv[1])
    need(("debootstrap", "debootstrap"), ("dpkg-shlibdeps", "dpkg-dev"))
    for old in glob.glob(build + "/*.deb"):
        os.remove(old)
    run("cpack", "--config", build + "/CPackConfig.cmake", "-B", build)
    package, = glob.glob(build + "/*.deb")
    root = tempfile.mkdtemp(prefix="lockstep-debian-", dir=build)
    os.chmod(root, 0o755)
    run("debootstrap", "--variant=minbase", "bookworm", root)
    copy_settings_of_apt(root)
    shutil.copy(package, root + "/tmp/lockstep.deb")
    os.makedirs(root + "/package")
    for name, text in [("machine.asl.json", DEFINITION), ("jobs.json", JOBS)]:
        with open(root + "/package/" + name, "w") as file:
            file.write(text)
    run("mount", "-t", "proc", "proc", root + "/proc")
    inside = ["chroot", root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "DEBIAN_FRONTEND=noninteractive", "sh", "-ec"]
    try:
        run(*inside, INSTALL)
        said = run(*inside, USE)
    finally:
        subprocess.run(["umount", root + "/proc"], check=True)
    shutil.rmtree(root)
    if said.splitlines()[1:] != ["[1]", "[2]"]:
        sys.exit("it said: " + said)
    print("ok: %s installs on a bare Debian 12 and runs there, alone and on ranks" % os.path.basename(package))


if __name__ == "__main__":
    main()
