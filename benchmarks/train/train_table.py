"""Figures of training for people."""

from benchmarks.configurations import described

MILLI, GIB = 1e3, 2**30


def table(settings: dict, found: dict) -> str:
    """A configuration's lines."""
    if "failed" in found:
        return f"{described(settings)}: {found['failed']}\n"
    rate, latency, memory = found["pictures_per_second"], found["latency"], found["memory"]
    noisy = ", noisy" if found["noisy"] else ""
    p99 = f", p99 {latency['p99'] * MILLI:.1f}" if "p99" in latency else ""
    lines = [
        f"{described(settings)}, synthetic input, {found['device']}",
        f"  {rate['median']:.2f} images/s ({rate['min']:.2f}-{rate['max']:.2f}){noisy}; a step p50 "
        f"{latency['p50'] * MILLI:.1f} ms, p95 {latency['p95'] * MILLI:.1f}{p99}, first "
        f"{found['first_call_seconds']:.1f} s; {memory['peak_bytes'] / GIB:.2f} GiB of the {memory['of']}",
        "  "
        + ", ".join(
            f"{name.replace('_', ' ')} {part['seconds'] * MILLI:.1f} ms ({100 * part['share']:.0f} %)"
            for name, part in found["split"].items()
            if part
        ),
    ]
    return "\n".join(lines) + "\n"
