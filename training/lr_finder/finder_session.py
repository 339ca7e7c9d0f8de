"""One run of the learning-rate finder, from a configuration to its report."""

from collections.abc import Callable
from pathlib import Path

import keras

from common.arguments import as_options
from data.cache import open_cache
from data.pipeline import Shard
from data.samples import Sample
from training.config_fields import Config
from training.losses import total
from training.lr_finder import finder_report, sweep
from training.optimization import optimizers
from training.ranks import seeds, xla
from training.ranks.ranks import ALONE, Ranks
from training.run import session
from training.run.watchdog import Watchdog
from training.steps.step import training_step


def find(
    settings: Config,
    training: list[Sample],
    logs: Path,
    minimum: float,
    maximum: float,
    ranks: Ranks = ALONE,
) -> int:
    """Sweep the rates from `minimum` to `maximum`, write and print what follows. Returns the exit status.

    Raises:
        UserError: anything the user can mend.
    """
    session.require_labels(settings, training, fresh=True)
    jit = xla.prepare(ranks=ranks)
    keras.utils.set_random_seed(settings.seed)
    with ranks.scope():
        model = session.build(settings, fresh=True)
    if settings.init_weights:
        session.start_from(model, settings, ranks.first)
    cache = open_cache(settings.cache, training)
    shard = Shard(ranks.rank, ranks.size)
    batches = session.training_batches(settings, training, cache, shard, ranks)
    with ranks.scope():
        optimizer = optimizers.with_schedule(settings, sweep.schedule(minimum, maximum), model, ranks)
    ranks.broadcast([*model.variables, *optimizer.variables])
    seeds.spread(model, ranks)
    together = settings.synchronizes(ranks.gpus)
    step = training_step(model, optimizer, jit, settings.remat, total.build(settings), ranks, together)
    with Watchdog(finder_report.made_folder(logs, settings), ranks, settings.stall_timeout) as watchdog:
        found = sweep.sweep(
            model,
            optimizer,
            watched(step, watchdog),
            batches.endless(settings.seed),
            lambda: optimizers.learning_rate(optimizer),
        )
    if not ranks.first:
        return 0
    suggestions = sweep.suggest(found)
    print(as_options(finder_report.text(settings, found, suggestions)))
    written = finder_report.write(logs, settings, found, suggestions)
    print(f"written: {written}.png and {written.name}.json")
    return 0


def watched(step: Callable, watchdog: Watchdog) -> Callable:
    """The same step, of each of which the watchdog learns."""
    watchdog.beat(compiles=True)

    def counted(images, labels):
        loss = step(images, labels)
        watchdog.beat()
        return loss

    return counted
