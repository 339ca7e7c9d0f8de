"""From an architecture's name and options to a Keras model with fresh weights."""

from dataclasses import dataclass
from importlib import import_module

from common.errors import UserError
from models import encoders, registry
from models.initialization import quick_compilation
from models.model_options import OptionError, current, defaults, require_known, require_one_of

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")


@dataclass(frozen=True)
class About:
    """What is known of a model beside its layers; kept as `model.about`.

    Attributes:
        encoder: names of the layers that can be filled with published weights, and frozen; empty where the
            architecture has no such part.
        size_multiple: heights and widths are multiples of it.
        left_out: keys of a PyTorch file it was filled from that it has no use for.
    """

    encoder: tuple[str, ...]
    size_multiple: int
    left_out: tuple[str, ...] = ()


def build(
    name: str,
    input_shape: tuple[int, int, int],
    classes: int,
    precision: str = "float32",
    auxiliary: bool = False,
    **options,
):
    """Build an architecture with fresh weights.

    Args:
        name: a key of `models.registry.ARCHITECTURES`.
        input_shape: (H, W, 3) in pixels.
        classes: number of output channels.
        precision: Keras's name of the dtype policy, one of `PRECISIONS`.
        auxiliary: with the auxiliary heads that serve training alone. The model then returns a dict of
            `logits` and an output for each of `registry.Architecture.heads`: maps at the image's size, or
            vectors of what the image holds as a whole.
        options: the architecture's own, see the `build` of its network or decoder; `encoder` names the
            encoder of a decoder, `encoder_weights` what it starts from.

    Returns:
        A `keras.Model`: RGB in 0..255, uint8 or float [B, H, W, 3] -> float32 logits [B, H, W, classes].

    Raises:
        UserError: unknown name, a size that the architecture cannot take, an option that it does not have.
    """
    options = current(options)
    maker = _maker(name, options)
    require_known(name, maker.options(), options)
    require_size(name, input_shape[:2], maker.size_multiple(options))

    import keras  # slow; the checks above answer first

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        with quick_compilation():
            return maker.build(input_shape, classes, auxiliary, options)
    finally:
        keras.config.set_dtype_policy(policy)


def options_of(name: str, options: dict) -> dict:
    """All options of an architecture: those given, and the defaults of the others.

    Raises:
        UserError: an unknown name.
    """
    options = current(options)
    return _maker(name, options).options() | options


def complete_options(name: str, options: dict) -> dict:
    """All options of an architecture: those given, else those of the preset that is named, else the defaults.

    Raises:
        UserError: an unknown name or preset.
    """
    options = current(options)
    return _maker(name, options).complete(options)


def size_multiple(name: str, options: dict) -> int:
    """What the heights and widths that an architecture takes are multiples of.

    Raises:
        UserError: an unknown name, or a value that an option does not take.
    """
    options = current(options)
    return _maker(name, options).size_multiple(options)


def nearest_size(name: str, options: dict, size: tuple[float, float]) -> tuple[int, int]:
    """The size that an architecture takes, (height, width), next to one in fractions of pixels."""
    multiple = size_multiple(name, options)
    height, width = (max(round(side / multiple), 1) * multiple for side in size)
    return height, width


def encoder_layers(model) -> list:
    """The layers of a model's encoder, which can be filled with published weights, and frozen.

    Args:
        model: one that `build` has returned.

    Raises:
        UserError: it has no encoder.
    """
    if not model.about.encoder:
        raise UserError(f"{model.name} has no encoder with published weights; leave `freeze_encoder` out")
    return [model.get_layer(name) for name in model.about.encoder]


def without_auxiliary(model):
    """The part of a model that makes the logits, over the same weights; itself if it has no other output."""
    if not isinstance(getattr(model, "output", None), dict):
        return model
    import keras

    network = keras.Model(model.input, model.output["logits"], name=model.name)
    network.about = model.about
    return network


def require_size(name: str, size: tuple[int, int], multiple: int) -> None:
    """Raise UserError, naming the nearest valid sizes, unless both sides are multiples of `multiple`."""
    if not any(side % multiple for side in size):
        return
    below = [max(side // multiple, 1) * multiple for side in size]
    above = [-(-side // multiple) * multiple for side in size]
    valid = list(dict.fromkeys(f"{height},{width}" for height, width in (below, above)))
    raise UserError(
        f"{name} takes heights and widths that are multiples of {multiple}, not {size[0]},{size[1]}; "
        f"nearest: {' or '.join(valid)}"
    )


class _Network:
    """Builds a network that is no encoder with a decoder."""

    def __init__(self, name: str, module: str):
        self._name, self._module = name, import_module(module)

    def options(self) -> dict:
        own = defaults(self._module.build, 2)
        own.pop("auxiliary", None)
        return own

    def complete(self, options: dict) -> dict:
        return self.options() | options

    def size_multiple(self, options: dict) -> int:
        return self._module.SIZE_MULTIPLE

    def build(self, input_shape, classes: int, auxiliary: bool, options: dict):
        if auxiliary:
            if "auxiliary" not in defaults(self._module.build, 2):
                raise OptionError(f"{self._name} has no auxiliary head; leave `auxiliary` out")
            options = options | {"auxiliary": True}
        model = self._module.build(input_shape, classes, **options)
        encoder = getattr(self._module, "encoder_layers", lambda model: ())(model)
        model.about = About(tuple(layer.name for layer in encoder), self._module.SIZE_MULTIPLE)
        return model


class EncoderDecoder:
    """Builds a decoder on an encoder; or, step by step, several decoders on the features of one encoder.

    Args:
        name: of an architecture that has a decoder.
        encoder: its name; None takes the architecture's own.
    """

    def __init__(self, name: str, encoder: str | None = None):
        found = registry.architecture(name)
        self._name, self._decoder = name, import_module(found.decoder)
        self._encoder = encoder or found.encoder

    def options(self) -> dict:
        own = {"encoder": self._encoder, "output_stride": self._usual_stride()}
        own |= {"encoder_weights": "none", "preset": None, "align_corners": False}
        return own | dict.fromkeys(encoders.OPTIONS) | defaults(self._decoder.build, 3)

    def _usual_stride(self) -> int:
        """The decoder's first output stride that the encoder has; its first one where they share none."""
        named = (found for name, found in registry.ENCODERS.items() if name == self._encoder)
        strides = next((found.output_strides for found in named), ())
        usual = self._decoder.OUTPUT_STRIDES
        return next((stride for stride in usual if stride in strides), usual[0])

    def complete(self, options: dict) -> dict:
        """All options: those given, else the preset's, else the defaults."""
        preset, presets = options.get("preset"), getattr(self._decoder, "PRESETS", {})
        if preset is not None:
            require_one_of(f"preset of {self._name}", preset, presets)
        return self.options() | presets.get(preset, {}) | options

    def size_multiple(self, options: dict) -> int:
        return self._stride(options)

    def _stride(self, options: dict) -> int:
        stride = self.complete(options)["output_stride"]
        require_one_of("output stride", stride, self._decoder.OUTPUT_STRIDES)
        return stride

    def lacking(self, options: dict) -> str:
        """What the decoder needs and the encoder does not have, in words; empty where they fit."""
        require_one_of("encoder", self._encoder, registry.ENCODERS)
        encoder, stride = registry.ENCODERS[self._encoder], self._stride(options)
        if stride not in encoder.output_strides:
            shared = set(self._decoder.OUTPUT_STRIDES) & set(encoder.output_strides)
            wanted = [stride] if shared else self._decoder.OUTPUT_STRIDES
            return f"an output stride of {' or '.join(map(str, wanted))}"
        levels = [f"1/{stride}" for stride in self._decoder.LEVELS if stride not in encoder.levels]
        return f"features at {', '.join(levels)}" if levels else ""

    def encoder(self, options: dict) -> dict:
        """What `models.encoders.build` is given beside the image."""
        given, known = self.complete(options), encoders.options_of(self._encoder)
        chosen = {option: given[option] for option in encoders.OPTIONS if given[option] is not None}
        # a preset's options are for those encoders that have them
        chosen = {option: value for option, value in chosen.items() if option in known or option in options}
        return {"name": self._encoder, "output_stride": self._stride(options)} | chosen

    def build(self, input_shape, classes: int, auxiliary: bool, options: dict):
        if lacking := self.lacking(options):
            raise OptionError(
                f"{self._name} needs {lacking}, which {self._encoder} does not have; use another encoder"
            )
        import keras

        from models.weights import encoder_weights

        image = keras.Input(input_shape, name="image")
        weights = self.complete(options)["encoder_weights"]
        file = encoder_weights.find(weights, self._encoder)  # before building takes time
        features = encoders.build(image=image, **self.encoder(options))
        left_out = encoder_weights.fill(features, file) if file else ()
        scores = self.scores(features, classes, options)
        if not auxiliary:
            scores = {"logits": scores["logits"]}
        elif len(scores) == 1:
            scores |= self._heads(keras.Model(image, scores["logits"]), features, classes)
        outputs = {
            output: self.enlarged(x, input_shape[:2], output, options) if len(x.shape) == 4 else x  # a vector
            for output, x in scores.items()
        }
        model = keras.Model(image, outputs if auxiliary else outputs["logits"], name=self._decoder.NAME)
        # a decoder that reads no deep features leaves the layers behind the last one that it reads out
        there = {layer.name for layer in model.layers}
        own = tuple(name for name in features.layers if name in there)
        model.about = About(own, self._stride(options), tuple(left_out))
        return model

    def scores(self, features, classes: int, options: dict) -> dict:
        """`logits` [B, h, w, classes] from an encoder's features, and what else the decoder makes of them."""
        given = self.complete(options)
        own = {option: given[option] for option in defaults(self._decoder.build, 3)}
        found = self._decoder.build(features, classes, given["output_stride"], **own)
        return found if isinstance(found, dict) else {"logits": found}

    def enlarged(self, x, size: tuple[int, int], output: str, options: dict):
        """Scores [B, h, w, C] as an output [B, *size, C] of that name, in float32."""
        from models.layers import Resize

        align_corners = self.complete(options)["align_corners"]
        return Resize(*size, align_corners=align_corners, dtype="float32", name=output)(x)

    def _heads(self, model, features, classes: int) -> dict:
        """What heads for training return, by their names."""
        if hasattr(self._decoder, "heads"):
            return self._decoder.heads(model, features, classes)
        if hasattr(self._decoder, "auxiliary"):
            return {"auxiliary": self._decoder.auxiliary(features, classes)}
        raise OptionError(f"{self._name} has no auxiliary head; leave `auxiliary` out")


def _maker(name: str, options: dict) -> _Network | EncoderDecoder:
    found, encoder = registry.architecture(name), options.get("encoder")
    if found.network and (found.decoder is None or encoder is None):
        return _Network(name, found.network)
    return EncoderDecoder(name, encoder)
