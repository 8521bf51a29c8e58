"""What `cmake --install` lays out works from any prefix, also one that was moved, with help, completions and examples."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.environ["LOCKSTEP_BUILD"]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="lockstep-install-")
        first = os.path.join(cls.folder, "made here")
        made = run("cmake", "--install", BUILD, "--prefix", first)
        assert made.returncode == 0, made.stdout + made.stderr
        cls.prefix = os.path.join(cls.folder, "moved there")
        os.rename(first, cls.prefix)
        cls.lockstep = os.path.join(cls.prefix, "bin", "lockstep")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def path(self, *parts):
        return os.path.join(self.prefix, *parts)

    def test_the_program_knows_no_build_folder(self):
        environment = {"PATH": "/usr/bin:/bin"}
        self.assertEqual(run(self.lockstep, "--version", env=environment).returncode, 0)
        headers = run("readelf", "-d", self.lockstep).stdout
        self.assertNotIn("RUNPATH", headers)
        self.assertNotIn("RPATH", headers)

    def test_a_page_for_each_command_that_man_can_show(self):
        pages = set(os.listdir(self.path("share", "man", "man1")))
        listed = run(self.lockstep, "help").stdout
        commands = [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2].isalpha()]
        self.assertGreater(len(commands), 10)
        self.assertEqual(pages, {"lockstep.1"} | {"lockstep-%s.1" % command for command in commands})
        if shutil.which("groff") is None:
            return
        for page in sorted(pages):
            with self.subTest(page):
                shown = run("groff", "-man", "-Tutf8", "-ww", self.path("share", "man", "man1", page))
                self.assertEqual((shown.returncode, shown.stderr), (0, ""))
                self.assertIn("NAME", re.sub(".\b", "", shown.stdout))

    def test_completions_are_shell_scripts(self):
        for shell, path in [("bash", "share/bash-completion/completions/lockstep"),
                            ("zsh", "share/zsh/site-functions/_lockstep")]:
            self.assertTrue(os.path.exists(self.path(path)))
            if shutil.which(shell) is not None:
                self.assertEqual(run(shell, "-n", self.path(path)).stderr, "")

    def test_a_plugin_is_built_against_the_installed_header(self):
        library = os.path.join(self.folder, "norm.so")
        built = run("cc", "-Wall", "-Werror", "-std=c99", "-shared", "-fPIC", "-I", self.path("include"), "-o", library,
                    self.path("share", "lockstep", "examples", "norm-plugin", "norm.c"), "-lm")
        self.assertEqual((built.returncode, built.stderr), (0, ""))

    def test_every_example_passes_its_check(self):
        examples = self.path("share", "lockstep", "examples")
        found = 0
        for root, _, files in os.walk(examples):
            for name in files:
                if name.endswith((".asl.json", ".asl.yaml")):
                    found += 1
                    checked = run(self.lockstep, "validate", os.path.join(root, name))
                    self.assertEqual((checked.returncode, checked.stdout), (0, ""), name)
        self.assertGreaterEqual(found, 6)

    def test_it_runs_alone_and_on_ranks(self):
        work = os.path.join(self.folder, "work")
        os.makedirs(work)
        with open(os.path.join(work, "machine.asl.json"), "w") as file:
            json.dump({"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "job:t", "End": True}}}, file)
        with open(os.path.join(work, "jobs.json"), "w") as file:
            json.dump({"jobs": [{"resource": "job:t", "exec": ["cat"]}]}, file)
        for arguments in [[], ["--ranks", "2"]]:
            with self.subTest(arguments):
                ran = run(self.lockstep, "run", "machine.asl.json", "--input", "[1]", "--quiet", *arguments, cwd=work)
                self.assertEqual((ran.returncode, ran.stdout), (0, "[1]\n"), ran.stderr)


if __name__ == "__main__":
    unittest.main()
