"""Machines without some packages: no Python process of an environment finds them."""

HOOK = """
import sys


class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {names} else self.finder.find_spec(name, path, target)


sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


def without(folder, *names):
    """The variable by which `names` are as if not installed, by a hook in a new folder."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HOOK.format(names=sorted(names)))
    return {"PYTHONPATH": folder}
