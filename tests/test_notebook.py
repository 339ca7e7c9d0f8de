"""docs/notebook.ipynb runs from the first cell to the last, as a teacher would run it."""

import pytest

from tiny import REPO


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Jupyter's libraries
def test_the_notebook_runs():
    pytest.importorskip("nbclient", reason="the extra notebook is not installed")
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(REPO / "docs" / "notebook.ipynb", as_version=4)
    places = {"metadata": {"path": str(REPO / "docs")}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=places).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    told = "".join(output.get("text", "") for output in outputs)
    assert "the same class in 100.00 %" in told or "the same class in 99." in told
    assert "parity with Keras" in told
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert not [output for output in outputs if output.get("name") == "stderr"]
