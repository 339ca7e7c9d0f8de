"""What records say of the machine, by real programs and libraries that stand in for NVIDIA's."""

import shutil
import subprocess
import sys

import pytest

from common import environment, libraries
from common.libraries import LIBRARIES


@pytest.mark.parametrize(
    "name, number, version",
    [
        ("cuda runtime", 12040, "12.4"),  # as in the headers cuda_runtime_api.h, cudnn.h, nccl.h, NvInfer.h
        ("cuda driver", 11040, "11.4"),
        ("cudnn", 8600, "8.6.0"),
        ("cudnn", 90100, "9.1.0"),
        ("nccl", 2708, "2.7.8"),
        ("nccl", 22304, "2.23.4"),
        ("tensorrt", 8502, "8.5.2"),
        ("tensorrt", 100900, "10.9.0"),
    ],
)
def test_versions_of_numbers(name, number, version):
    assert LIBRARIES[name].version(number) == version


def test_libraries_are_asked(tmp_path):
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    source = tmp_path / "stand_in.c"
    source.write_text(
        "#include <stddef.h>\nsize_t cudnnGetVersion(void) { return 90100; }\n"
        "int ncclGetVersion(int *n) { *n = 22304; return 0; }\n"
        "int cudaRuntimeGetVersion(int *n) { return 35; }\n"
    )
    for file in ("libcudnn.so.8", "libnccl.so.2", "libcudart.so.12"):
        subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / file, source], check=True)
    asked = "from common import libraries; print(libraries.versions())"
    done = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=environment.ROOT,
        env={"LD_LIBRARY_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "'cudnn': '9.1.0'" in done.stdout and "'nccl': '2.23.4'" in done.stdout


def test_the_state_of_a_checkout(tmp_path, monkeypatch):
    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, "-C", tmp_path, *words], check=True, capture_output=True)

    monkeypatch.setattr(environment, "ROOT", tmp_path)
    assert environment.git_state() == {}
    git("init")
    (tmp_path / "a.py").write_text("1\n")
    git("add", ".")
    git("commit", "-m", "first")
    clean = environment.git_state()
    assert clean["dirty"] is False and len(clean["commit"]) == 40 and "diff" not in clean
    (tmp_path / "a.py").write_text("2\n")
    dirty = environment.git_state()
    assert dirty["dirty"] is True and dirty["commit"] == clean["commit"]
    (tmp_path / "a.py").write_text("3\n")
    assert environment.git_state()["diff"] != dirty["diff"]


def test_programs_that_go_on_for_ever(tmp_path, monkeypatch):
    script = tmp_path / "tegrastats"
    script.write_text("#!/bin/sh\nwhile :; do echo 'RAM 2/15 GB CPU [2%@1190]'; sleep 0.01; done\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert environment.first_line("tegrastats", "--interval", "100") == "RAM 2/15 GB CPU [2%@1190]"
    assert environment.first_line("no-such-program") is None


def test_horovod_tells_what_it_is_built_with(tmp_path, monkeypatch):
    folder = tmp_path / "horovod" / "tensorflow"
    folder.mkdir(parents=True)
    (tmp_path / "horovod" / "__init__.py").touch()
    (folder / "mpi_lib.cpython-311-x86_64-linux-gnu.so").write_bytes(b"\0MPI_Allreduce\0_ZN4gloo7Context\0")
    monkeypatch.syspath_prepend(tmp_path)
    assert libraries.horovod_parts() == ["gloo", "mpi"]
