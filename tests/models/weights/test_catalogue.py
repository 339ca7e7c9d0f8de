"""The catalogue of published weights: its form, networks that exist, and files where they are at hand."""

import hashlib
import re

import pytest

import models
from models import registry
from models.weights import catalogue, native, torch_export
from tiny import REPO

PUBLISHED = catalogue.published()
FILES = REPO.parent / "shared" / "published"
PACKAGES = {"mmsegmentation": "mmseg", "NVIDIA on the hub": "hub"}
EACH = pytest.mark.parametrize("one", PUBLISHED.values(), ids=PUBLISHED)


@EACH
def test_an_entry_has_its_form(one):
    assert re.fullmatch(r"[a-z0-9.]+(-[a-z0-9.]+)*-cityscapes", one.name)
    assert re.fullmatch(r"https://[\w./-]+", one.address) and "//" not in one.address[8:]
    assert one.address.endswith((".pth", ".pt", ".bin", ".safetensors"))
    assert re.fullmatch(r"([0-9a-f]{8}|[0-9a-f]{64})?", one.sha256)
    assert 50 < one.miou < 85
    assert re.fullmatch(r"\d+x\d+( windows, \d+ apart)?", one.tested)
    assert one.source.licence and one.source.citation and one.source.page.startswith("https://github.com/")
    assert "non-commercial" in one.terms and one.terms.isprintable()
    if one.source.title == "mmsegmentation":
        date, digits = re.search(r"_(\d{8})_\d{6}-([0-9a-f]{8})\.pth$", one.file).groups()
        assert one.sha256 == (digits if date < "20220501" else "")  # later ones are another file's


def test_no_two_entries_are_of_one_file():
    assert len({one.address for one in PUBLISHED.values()}) == len(PUBLISHED)


@EACH
def test_the_network_exists(one):
    encoder = {name: value for name, value in one.options.items() if name == "encoder"}
    assert set(one.options) <= set(models.options_of(one.model, encoder))
    assert models.size_multiple(one.model, one.options)
    package = PACKAGES.get(one.source.title)
    origin = native.Origin(one.model, 19, (1024, 2048), one.options)
    assert package is None or package in torch_export.packages(origin)
    assert one.papers and registry.title(one.model) in one.network


@pytest.mark.skipif(not FILES.is_dir(), reason=f"no files at {FILES}")
def test_the_files_at_hand_are_the_ones_that_are_listed():
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FILES.rglob("*.pth")}
    listed = {one.path.name: one.sha256 for one in PUBLISHED.values() if one.path.name in hashes}
    assert listed == hashes


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    one = PUBLISHED["segformer-b0-nvidia-cityscapes"]
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (catalogue.CACHE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    below = "street-scene-benchmark/weights/segformer-b0-nvidia-cityscapes/pytorch_model.bin"
    assert one.path == tmp_path / ".cache" / below
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert one.path == tmp_path / "xdg" / below
    monkeypatch.setenv(catalogue.CACHE, "~/mine")
    assert one.path == tmp_path / "mine" / one.name / "pytorch_model.bin"


def test_a_file_goes_before_a_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert catalogue.find("sinet-cityscapes") is PUBLISHED["sinet-cityscapes"]
    (tmp_path / "sinet-cityscapes").mkdir()
    assert catalogue.find("sinet-cityscapes") is None
    assert catalogue.near("fastfcn-psp-cityscapes") == " (did you mean fastfcn-psp-r50-cityscapes?)"
    assert catalogue.near("logs/run") == ""


def test_the_table_has_a_line_of_each():
    lines = catalogue.table().splitlines()
    assert len(lines) == 1 + len(PUBLISHED) and max(map(len, lines)) < 160
    line = next(line for line in lines if line.startswith("pspnet-r50-d8-cityscapes"))
    assert line.endswith(" mmsegmentation") and "PSPNet, ResNet-50 v1c" in line and "78.55" in line
