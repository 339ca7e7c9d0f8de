"""Machines without some packages: importing them fails in every Python process of an environment."""

HOOK = """
import sys


class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named '{{name}}' (blocked)", name=name)


sys.meta_path.insert(0, Blocked())
"""


def without(folder, *names):
    """The variable that makes imports of `names` fail, by a hook in a new folder."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HOOK.format(names=set(names)))
    return {"PYTHONPATH": folder}
