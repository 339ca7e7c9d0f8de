"""Measures configurations one after the other; skips those with a record, halves batches that do not fit."""

from collections.abc import Callable, Iterable, Iterator

from benchmarks.children import OUT_OF_MEMORY
from benchmarks.existing import ExistingRecords
from common.errors import UserError


def measure(
    benchmark: str, configurations: Iterable[dict], measure_one: Callable[[dict], dict], options
) -> Iterator[dict]:
    """Measure what has no record yet; yields what the new records hold.

    Args:
        benchmark: its name.
        configurations: settings, as records hold them.
        measure_one: settings -> results: figures or `failed`, or `runtimes` with these of each; prints them.
        options: --save, and --continue and --batch-back-off where the benchmark has them.

    Raises:
        UserError: nothing was measured.
    """
    existing = existing_records(options)
    done, complaint = False, None
    for settings in configurations:
        batches = halves(settings["batch"]) if vars(options).get("batch_back_off") else [settings["batch"]]
        for batch in batches:
            now = settings | {"batch": batch}
            earlier = existing.find(benchmark, now)
            if earlier:
                print(f"measured already: {benchmark} {described(now)}, record {earlier['id']}", flush=True)
            results = earlier["results"] if earlier else measure_one(now)
            failures = failed(results)
            done |= bool(earlier) or len(failures) < len(parts(results))
            complaint = failures[-1]["failed"] if failures else complaint
            if not earlier and not all(part.get("mistake") for part in parts(results)):
                yield {"settings": now, "results": results, "label": label(now)}
            if not any(failure["failed"] == OUT_OF_MEMORY for failure in failures):
                break
        else:
            if len(batches) > 1:
                complaint = (
                    f"no batch of {described(settings)} fits: {batches[0]} down to 1 run out of memory"
                )
                print(complaint, flush=True)
    if not done and complaint:
        raise UserError(f"nothing was measured: {complaint}")


def existing_records(options) -> ExistingRecords:
    """The records of configurations that --continue skips.

    Raises:
        UserError: --continue without --save.
    """
    if options.proceed and not options.save:
        raise UserError("--continue goes by the records in --save's folder; add --save")
    return ExistingRecords(options.save if options.proceed else None)


def halves(batch: int) -> list[int]:
    """A batch, half of it, and so on down to 1."""
    return [batch >> shift for shift in range(batch.bit_length())]


def parts(results: dict) -> list[dict]:
    """The figures that results hold, those of each runtime where there are several."""
    return list(results["runtimes"].values()) if "runtimes" in results else [results]


def failed(results: dict) -> list[dict]:
    """The parts of results that failed."""
    return [part for part in parts(results) if "failed" in part]


def described(settings: dict) -> str:
    """A configuration in a few words: `fastscnn 512x1024, batch 2, float32, tensorflow`."""
    height, width = settings["size"]
    rest = [f"scope {settings['scope']}"] if "scope" in settings else []
    rest += [settings[name] for name in ("precision", "backend") if name in settings]
    return ", ".join(
        [f"{settings['model'] or 'all models'} {height}x{width}", f"batch {settings['batch']}", *rest]
    )


def label(settings: dict) -> str:
    """The same as a part of a file's name: `fastscnn-512x1024-b2-float32-tensorflow`."""
    height, width = settings["size"]
    rest = [settings[name] for name in ("scope", "precision", "backend") if name in settings]
    words = [settings["model"] or "all", f"{height}x{width}", f"b{settings['batch']}", *rest]
    return "-".join(words).replace("+", "_")
