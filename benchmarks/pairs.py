"""Every decoder on every encoder that has the features it needs, and what each pair costs.

`count_all` shares the encoders among processes, one for each processor; each of them runs this module. There
an encoder is built once for each output stride, and its layers are counted once, whatever decoders stand on
it. Where JAX is installed and no other backend is asked for, Keras runs on that: shapes are the same on each
backend, and it builds layers in two thirds of TensorFlow's time.
"""

import gc
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

from benchmarks import backend_devices, children, costs
from common import cli
from common.errors import UserError
from common.threads import usable_cpus
from models import registry
from models.initialization import shapes_alone
from models.model_options import require_known

THIS = "benchmarks.pairs"
MOST_PROCESSES = 8  # each imports Keras


def decoders(name: str | None = None) -> list[str]:
    """The architectures that segment on an encoder, sorted; or the one of that name.

    Raises:
        UserError: an unknown name, or one without a decoder.
    """
    if name is None:
        found = {one: registry.architecture(one) for one in registry.names()}
        return [one for one, about in found.items() if about.decoder and not about.refines]
    if not registry.architecture(name).decoder:
        raise UserError(f"{name} stands on no encoder; leave --all out")
    return [name]


def encoders(name: str | None = None) -> list[str]:
    """All encoders in the registry's order, or the one of that name.

    Raises:
        UserError: an unknown name.
    """
    if name and name not in registry.ENCODERS:
        raise UserError(f"unknown encoder '{name}'; there are: {', '.join(registry.ENCODERS)}")
    return [name] if name else list(registry.ENCODERS)


def count_all(settings: dict) -> tuple[list[dict], list[str]]:
    """The figures of all pairs that settings name, by decoder; and a line for each kind that there is not."""
    names, wanted = decoders(settings["model"]), encoders(settings["options"].get("encoder"))
    processes = min(usable_cpus(), len(wanted), MOST_PROCESSES)
    shares = [settings | {"encoders": wanted[first::processes]} for first in range(processes)]
    with ThreadPoolExecutor(processes) as pool:
        found = [one for share in pool.map(_sent, shares) for one in share]
    found.sort(key=lambda one: (names.index(one["model"]), wanted.index(one["options"]["encoder"])))
    return [one for one in found if "lacks" not in one], left_out(found)


def _sent(share: dict) -> list[dict]:
    """What a process sends that counts a share of the encoders."""
    free = "KERAS_BACKEND" not in os.environ
    backend = "jax" if free and find_spec("jax") else backend_devices.default_backend()
    variables = backend_devices.VARIABLES | {"KERAS_BACKEND": backend}
    found, ended = children.objects(THIS, json.dumps(share), **variables)
    if ended:
        raise UserError(ended.why)
    return found


def left_out(found: list[dict]) -> list[str]:
    """A line for each kind of pair that there is not."""
    kinds = defaultdict(list)
    for one in found:
        if "lacks" in one:
            kinds[one["model"], one["lacks"]].append(one["options"]["encoder"])
    return [
        f"left out: {name} needs {lacks}; not in {', '.join(names)}" for (name, lacks), names in kinds.items()
    ]


def count(encoder: str, names: list[str], options: dict, size: tuple[int, int]) -> Iterator[dict]:
    """What decoders on one encoder cost.

    Args:
        encoder: its name.
        names: the decoders'.
        options: of the decoders, see `models.build`.
        size: (height, width) of the image.

    Yields:
        Of each decoder, in the order of `names`, what `costs.count` returns without its layers; or `model`,
        `options` and `lacks`: what it needs and the encoder does not have.

    Raises:
        UserError: a size or an option that a decoder does not take.
    """
    from models.building import EncoderDecoder, require_size

    options = options | {"encoder": encoder}
    with shapes_alone():
        one = _CountedEncoder(size)
        for name in names:
            maker, pair = EncoderDecoder(name, encoder), {"model": name, "options": options}
            require_known(name, maker.options(), options)
            if lacks := maker.lacking(options):
                yield pair | {"lacks": lacks}
                continue
            require_size(name, size, maker.size_multiple(options))
            yield pair | one.figures(maker, options)


class _CountedEncoder:
    """An encoder at the output strides that decoders ask for, and what has been counted of its layers."""

    def __init__(self, size: tuple[int, int]):
        self._size, self._built, self._counts = size, {}, {}

    def figures(self, maker, options: dict) -> dict:
        """What the encoder with one decoder costs."""
        from benchmarks import graph
        from data.label_sets import CITYSCAPES

        features = self._features(maker.encoder(options))
        scores = maker.scores(features, CITYSCAPES.classes, options)["logits"]
        logits = maker.enlarged(scores, self._size, "logits", options)
        found = costs.figures(graph.of_tensors([logits]), self._count)
        del found["layers"]
        return found

    def _features(self, wanted: dict):
        import keras

        from models import encoders

        key = tuple(wanted.items())
        if key not in self._built:
            image = keras.Input(batch_shape=(1, *self._size, 3), name="image")
            self._built[key] = encoders.build(image=image, **wanted)
        return self._built[key]

    def _count(self, call):
        from benchmarks import macs

        made = call.outputs[0]
        if made not in self._counts:
            self._counts[made] = macs.count(call)
        return self._counts[made]


def main() -> int:
    """Count the pairs of the encoders that the first argument names, and send them."""
    settings = json.loads(sys.argv[1])
    backend_devices.import_keras()
    gc.freeze()  # what imports have made stays
    gc.disable()  # looking for garbage takes a third of the time, and there is none until an encoder is done
    names, options = decoders(settings["model"]), settings["options"]
    for encoder in settings["encoders"]:
        for found in count(encoder, names, options, tuple(settings["size"])):
            children.send(**found)
    return 0


if __name__ == "__main__":
    cli.run(main)
