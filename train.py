"""Train a model on a data set in the Cityscapes layout.

    python train.py -m fastscnn                                    # $CITYSCAPES_DATASET at 1024x2048
    python train.py -m fastscnn -p /data/cityscapes -t 512,1024 -b 8 --mixed-precision --cache memory
    python train.py -m fastscnn -p town -t 256,512 -e 20           # a town of prepare_data.py synthesize
    python train.py -m deeplabv3+ --backbone resnet50 --encoder-weights imagenet --freeze-encoder 5
    python train.py -m unet --remat -b 1                           # full resolution in less memory
    python train.py -m fastscnn --resume                           # go on with the newest run
    python train.py -m fastscnn --schedule onecycle --max-lr 0.1 --plot-schedule
    python train.py -m unet -f adam                                # find a learning rate
    python train.py -m unet --loss ce+dice --class-weights median --ema

Everything goes to logs/<model>/<timestamp>/: checkpoints, log, TensorBoard events, pictures, curves.
"""

from pathlib import Path

from common import cli
from models import ARCHITECTURES
from training import options as recipe


def arguments():
    """Read the command line. What is not given is None: a resumed run keeps its own settings."""
    parser = cli.Parser(description=__doc__)
    parser.add_argument("-m", "--model", choices=sorted(ARCHITECTURES), required=True)
    parser.add_argument(
        "-r",
        "--resume",
        nargs="?",
        const="newest",
        metavar="RUN|FILE",
        help="go on exactly where a run stopped (bare: the newest run of the model)",
    )
    parser.add_argument("--init-weights", metavar="RUN|FILE", help="start a new run from these weights")
    parser.add_argument(
        "-e",
        "--epochs",
        type=cli.positive_int,
        help="passes over the data, whatever the number of GPUs (default: 500)",
    )
    parser.add_argument(
        "--seed", type=cli.natural, help="of weights, order, augmentation, dropout (default: 0)"
    )
    parser.add_argument("--logs", type=Path, default=Path("logs"), help="where runs are kept (default: logs)")
    cli.add_model_options(parser)
    add_encoder_arguments(parser.add_argument_group("encoder", "of bayes_segnet and deeplabv3+"))
    add_data_arguments(parser.add_argument_group("data"))
    group = parser.add_argument_group
    recipe.add_rate_arguments(group("learning rate", "by default the model's published one"))
    recipe.add_optimizer_arguments(group("optimizer"))
    recipe.add_loss_arguments(group("loss"))
    recipe.add_finder_arguments(group("learning-rate finder", "instead of training"))
    return parser.parse_args()


def add_encoder_arguments(encoder) -> None:
    """What the encoder starts from."""
    encoder.add_argument(
        "--encoder-weights",
        metavar="none|imagenet|FILE",
        help="published weights to start from (default: none)",
    )
    encoder.add_argument(
        "--freeze-encoder",
        type=cli.natural,
        metavar="EPOCHS",
        help="do not train it in the first epochs (default: 0)",
    )


def add_data_arguments(data) -> None:
    """What is trained on, and how it is fed."""
    data.add_argument("-p", "--path", type=Path, help=f"data set (default: ${cli.DATASET_VARIABLE})")
    data.add_argument(
        "-c",
        "--coarse",
        action="store_true",
        default=None,
        help="train on the coarse labels, train and train_extra",
    )
    data.add_argument(
        "-t",
        "--target-size",
        type=cli.size,
        metavar="Y,X[,C]",
        help="height and width that pictures are brought to (default: 1024,2048)",
    )
    data.add_argument("-b", "--batch", type=cli.positive_int, help="pictures per GPU and step (default: 4)")
    data.add_argument("--cache", metavar="none|memory|FOLDER", help="keep decoded pictures (default: none)")
    data.add_argument(
        "--workers", type=cli.positive_int, help="threads that prepare pictures (default: all CPUs)"
    )


def main() -> int:
    options = arguments()
    from data import index
    from training import config, run_folder

    run = checkpoint = None
    named = given(options)
    if options.resume:
        bare = options.resume == "newest"
        run, checkpoint = run_folder.checkpoint_of(
            run_folder.newest(options.logs, options.model) if bare else Path(options.resume)
        )
        settings = config.resumed(config.read(run / run_folder.CONFIG), named, options.path)
    else:
        settings = config.new(named, cli.dataset_path(options.path))

    training = index.training_samples(Path(settings.path), settings.coarse)
    if options.plot_schedule:
        return plot_schedule(settings, len(training), recipe.plot_file(options))
    validation = index.validation_samples(Path(settings.path), settings.coarse)
    index.require_sound_headers(training + validation)

    settings = config.with_class_weights(settings, training)

    cli.quiet_tensorflow()  # seconds, so only once the rest is known to be right
    if options.lrfinder:
        from training import lr_finder_session

        return lr_finder_session.find(settings, training, options.logs, *recipe.finder_bounds(options))
    from training import session

    return session.train(settings, training, validation, options.logs, run, checkpoint)


def plot_schedule(settings, pictures: int, path: Path) -> int:
    """Draw the learning rate of a run on one GPU."""
    cli.quiet_tensorflow()
    from training import schedule_plot

    schedule_plot.draw(path, settings.rates, -(-pictures // settings.batch), settings.epochs)
    print(f"drew {path}")
    return 0


def given(options) -> dict:
    """The settings that the command line names, as fields of `training.config.Config`."""
    from training import devices

    fields = (
        "model",
        "coarse",
        "target_size",
        "batch",
        "epochs",
        "seed",
        "cache",
        "workers",
        "init_weights",
        "encoder_weights",
        "freeze_encoder",
        "remat",
    )
    found = {name: getattr(options, name) for name in fields if getattr(options, name) is not None}
    found |= recipe.given(options)
    if cli.model_options(options):
        found["options"] = cli.model_options(options)
    if options.mixed_precision:
        found["precision"] = devices.precision(options.mixed_precision)
    return found


if __name__ == "__main__":
    cli.run(main)
