"""Convert weights of PyTorch's packages to this project's, and back; fetch published ones.

    python convert_weights.py --list                                         # those that can be fetched
    python convert_weights.py pspnet-r50-d8-cityscapes                       # fetched, checked and converted
    python convert_weights.py segformer.pth -o segformer.weights.h5          # which package, is read off it
    python convert_weights.py FOLDER -o pspnet.weights.h5 --size 512,1024    # of `save_pretrained`
    python convert_weights.py logs/segformer/RUN --to torch -o model.safetensors
    python convert_weights.py pspnet.weights.h5 --to torch --package mmseg -o pspnet.pth

predict.py, evaluate.py and the others read PyTorch's files as they are. A converted copy is read faster,
without PyTorch, with the identical logits, and keeps the name and the SHA-256 of the file it came from.
Read are .pth, .pt, .bin and .safetensors of segmentation_models.pytorch, mmsegmentation, SegFormer on the
hub, SINet and ESPNetv2; see docs/models.md. --to torch writes a state dict that the package loads with
strict=True: mmsegmentation's without auxiliary heads, torchvision's the encoder with a classifier of zeros.
"""

import sys
from pathlib import Path

from common import cli, left_out, startup
from common.errors import UserError
from common.files import require_folder_of


def arguments():
    """Read the command line."""
    parser = cli.Parser(description=__doc__)
    parser.add_argument(
        "source",
        type=Path,
        nargs="?",
        metavar="FILE|RUN|NAME",
        help="weights to convert: a file, a folder, a run, or a name that --list shows",
    )
    parser.add_argument("--list", action="store_true", help="show the published weights, and their names")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="file to write (of a name: NAME.weights.h5)",
    )
    parser.add_argument("-m", "--model", help="model's name (default: the one that the file holds)")
    parser.add_argument(
        "--size",
        "-t",
        type=cli.size,
        metavar="H,W",
        help="size an image is brought to (default: of Cityscapes 1024,2048; of a run the training's)",
    )
    parser.add_argument("--to", choices=("torch",), help="write a PyTorch file (default: a .weights.h5)")
    parser.add_argument(
        "--package",
        choices=(
            "smp",
            "mmseg",
            "hub",
            "c3_sinet",
            "edgenets",
            "efficientvit",
            "ddrnet",
            "pidnet",
            "torchvision",
        ),
        help="of --to torch: whose names (default: the only one with such a network)",
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    from models.weights import catalogue

    if options.list:
        print(catalogue.table())
        return 0
    published = catalogue.find(options.source) if options.source else None
    require_fitting(options, published)
    startup.tensorflow()
    if published:
        options.output = options.output or Path(f"{published.name}.weights.h5")
        options.model = options.model or published.model
    status = to_torch(options) if options.to else from_torch(options)
    if published:
        print(f"terms: {published.terms}", file=sys.stderr)
    return status


def require_fitting(options, published):
    """Raise UserError unless it is clear what to convert, and where to."""
    from models.weights import catalogue

    if options.package and not options.to:
        raise UserError("--package belongs to --to torch; add it or leave --package out")
    if options.source is None:
        raise UserError("nothing to convert; give a file of weights, a run, or a name that --list shows")
    if not published and not options.source.exists():
        raise UserError(
            f"{options.source} does not exist{catalogue.near(options.source)}; give a file of weights, a "
            "run, or a name that --list shows"
        )
    if options.output is None and (options.to or not published):
        raise UserError("no file to write; give -o/--output")


def from_torch(options) -> int:
    """Write a copy as this project's."""
    from models.weights import conversion

    network, origin = conversion.convert(options.source, options.output, options.size, options.model)
    left_out.tell(options.source, network.about.left_out)
    listed = ", ".join(f"{name} {value}" for name, value in origin.options.items())
    print(
        f"wrote {options.output}: {origin.model} ({listed}) of {origin.converted_from['package']}, "
        f"{origin.label_set.described()}, {origin.size[0]}x{origin.size[1]}",
        file=sys.stderr,
    )
    return 0


def to_torch(options) -> int:
    """Write a state dict as a package's."""
    from models.weights import torch_export
    from models.weights.loading import load_network

    require_folder_of(options.output)
    torch_export.require_suffix(options.output)
    network, origin = load_network(options.source, options.model, options.size)
    exported = torch_export.export(network, origin, options.package)
    torch_export.write(options.output, exported)
    if exported.filled:
        print(f"filled, as only the package has it: {left_out.summary(exported.filled)}", file=sys.stderr)
    print(f"wrote {options.output}: {len(exported.state)} tensors for {exported.package}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    cli.run(main)
