"""The machines and software that the records come from."""

from collections import defaultdict

from benchmarks.report.page_parts import Column, Section, Table, text
from benchmarks.report.reported import ReportedRecords
from benchmarks.report.values import short

COLUMNS = [
    Column(name, numeric=False)
    for name in (
        "host",
        "processor",
        "GPUs",
        "power mode",
        "system",
        "Python",
        "packages",
        "commits",
        "records",
    )
]


def section(reported: ReportedRecords) -> Section:
    """A row for each different environment."""
    commits = defaultdict(list)
    for record in reported.records:
        commits[_described(record["environment"])].append(_commit(record["environment"].get("git")))
    rows = [
        [text(value) for value in (*described, ", ".join(dict.fromkeys(found)), len(found))]
        for described, found in commits.items()
    ]
    return Section(
        "environments",
        "Machines and software",
        "A commit with a plus had changes that were not committed.",
        tables=[Table("Environments", COLUMNS, [("", rows)])],
    )


def _described(environment: dict) -> tuple[str, ...]:
    packages = environment.get("packages")
    features = environment.get("cpu_features")
    cores = f"{environment.get('cpu', '')}, {environment.get('cpus', '?')} cores"
    versions = ", ".join(f"{name} {version}" for name, version in packages.items()) if _is(packages) else ""
    return (
        short(str(environment.get("host", ""))),
        cores + (f" ({', '.join(map(str, features))})" if isinstance(features, list) and features else ""),
        _lines(environment.get("gpus")),
        _lines(environment.get("power_mode")),
        str(environment.get("system", "")),
        str(environment.get("python", "")),
        versions,
    )


def _commit(git: object) -> str:
    return str(git.get("commit", ""))[:10] + ("+" if git.get("dirty") else "") if _is(git) else ""


def _is(value: object) -> bool:
    return isinstance(value, dict)


def _lines(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else ""
