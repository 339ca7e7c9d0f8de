"""Measure this suite's speed on this machine, count what its models cost, and keep the figures as records.

    python benchmark.py pipeline -p DATASET      # input pipeline against decoding alone
    python benchmark.py train-step               # training step against stock Keras layers and loss
    python benchmark.py scores                   # scoring against the official script
    python benchmark.py video                    # reading, inference and writing overlapped or not
    python benchmark.py memory -m unet -t 1024,2048   # peak memory with and without --remat
    python benchmark.py summary                  # parameters, MACs and memory of all models
    python benchmark.py summary --all            # the same of every decoder on every encoder
    python benchmark.py accuracy -w RUN -p DATASET   # official scores, to stand beside the speed
    python benchmark.py inference --runtimes keras,onnx,onnx-int8    # latency and throughput
    python benchmark.py scaling                  # training by one rank and by two
    python benchmark.py train -m fastscnn unet --precision float32 bfloat16   # training steps
    python benchmark.py peers -m unet --encoder resnet50 --preset smp    # beside PyTorch's own network
    python benchmark.py zoo -p CITYSCAPES --save     # every published network: fetched, scored, timed
    python benchmark.py sweep benchmarks/sweeps/small.toml --save records     # many of these

    python benchmark.py report benchmarks/results -o report    # HTML page, Markdown and charts
    python benchmark.py compare OLD NEW --fail-below 0.95      # two records, folders or commits

What is compared takes turns, so quote the ratios: they hold when the machine's speed drifts.
With --save a record of the figures and the machine goes to benchmarks/results/.
"""

from importlib import import_module
from pathlib import Path

from common import cli
from common.files import make_folder

BENCHMARKS = {
    "inference": "benchmarks.inference.inference_command",
    "train": "benchmarks.train.train_command",
    "pipeline": "benchmarks.input_pipeline",
    "train-step": "benchmarks.train_step",
    "memory": "benchmarks.memory",
    "scores": "benchmarks.scoring",
    "scaling": "benchmarks.scaling.scaling_command",
    "video": "benchmarks.video",
    "peers": "benchmarks.peers.peers_command",
    "summary": "benchmarks.summary",
    "accuracy": "benchmarks.accuracy",
}
COMMANDS = BENCHMARKS | {  # and those that are made of them
    "sweep": "benchmarks.sweep_command",
    "zoo": "benchmarks.zoo.zoo_command",
}
READERS = {  # of records; they measure nothing
    "report": "benchmarks.report.report_command",
    "compare": "benchmarks.compare.compare_command",
}


def arguments():
    """Read the command line."""
    parser = cli.Parser(description=__doc__)
    commands = parser.add_subparsers(dest="benchmark", required=True, metavar="BENCHMARK")
    parser.set_defaults(parse=parser.parse_args)  # for commands that are made of others
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=import_module(module).HELP)
        import_module(module).add_arguments(command)
        command.add_argument(
            "--save",
            nargs="?",
            type=Path,
            const=Path(__file__).parent / "benchmarks" / "results",
            metavar="FOLDER",
            help="keep a record (bare: in benchmarks/results)",
        )
    for name, module in READERS.items():
        import_module(module).add_arguments(commands.add_parser(name, help=import_module(module).HELP))
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.benchmark in READERS:
        return import_module(READERS[options.benchmark]).run(options)
    if options.save:
        make_folder(options.save, "save")
    measured = import_module(COMMANDS[options.benchmark]).run(options)
    for one in [measured] if isinstance(measured, dict) else measured:  # a sweep's are saved one by one
        if options.save:
            from benchmarks import record

            label = one.pop("label", "")
            path = record.write(record.make(options.benchmark, **one), options.save, label)
            print(f"record: {path}", flush=True)
    return 0


if __name__ == "__main__":
    cli.run(main)
