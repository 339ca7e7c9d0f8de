"""The colours of page and charts by name, in light and in dark."""

LIGHT = {  # no two the same: charts are drawn in these, and the page finds them again
    "ink": "#1b2530",
    "faint": "#5c6875",
    "line": "#dce1e6",
    "paper": "#fefefe",
    "raised": "#f4f6f8",
    "accent": "#0f62a8",
    "s0": "#1f6fb8",
    "s1": "#c0560f",
    "s2": "#2b8250",
    "s3": "#8050a8",
    "s4": "#b83c48",
    "s5": "#14818c",
    "s6": "#7a721a",
    "s7": "#b04a88",
}
DARK = {
    "ink": "#e6eaee",
    "faint": "#9aa6b2",
    "line": "#313a44",
    "paper": "#12171d",
    "raised": "#1a2129",
    "accent": "#7ab8f0",
    "s0": "#66b1f2",
    "s1": "#f2994f",
    "s2": "#63c28c",
    "s3": "#bd92e4",
    "s4": "#f07f88",
    "s5": "#4fc3cd",
    "s6": "#cbbf57",
    "s7": "#e78cc2",
}
SERIES = [LIGHT[name] for name in LIGHT if name.startswith("s")]


def css() -> str:
    """The variables of both, as the reader's system prefers."""
    light, dark = (
        " ".join(f"--{name}: {color};" for name, color in theme.items()) for theme in (LIGHT, DARK)
    )
    return f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
