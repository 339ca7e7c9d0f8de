"""Names beside points of a chart, each where it covers neither another name nor a point."""

from matplotlib.transforms import Bbox

PLACES = (  # offset in CSS pixels, and which side of the text stands there
    (8, 0, "left", "center"),
    (-8, 0, "right", "center"),
    (0, 9, "center", "bottom"),
    (0, -9, "center", "top"),
    (7, 10, "left", "bottom"),
    (-7, 10, "right", "bottom"),
    (7, -10, "left", "top"),
    (-7, -10, "right", "top"),
)
REACH = 6  # CSS pixels that a marker covers to each side


def write(
    canvas, points: list[tuple[float, float, str, str]], lines: list[tuple[float, float, float, float]]
) -> None:
    """Write the names of points; one that finds no place is left to the legend, the tip and the table.

    Args:
        canvas: whose axes have their limits.
        points: (x, y, name, colour), the most important first; those without a name are only kept free.
        lines: (x, y, x, y) from end to end, which names should not cover either.
    """
    axes, figure = canvas.axes, canvas.drawing
    figure.draw_without_rendering()  # the layout is known from here on
    around = axes.get_window_extent()
    taken = [_marker(axes, x, y) for x, y, _, _ in points]
    lined = [Bbox(axes.transData.transform([line[:2], line[2:]])) for line in lines]
    for number, (x, y, name, color) in enumerate(points):
        for right, up, horizontal, vertical in PLACES if name else ():
            text = axes.annotate(
                name,
                (x, y),
                (right, up),
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                color=color,
                fontsize=11,
                annotation_clip=False,
            )
            text.set_in_layout(False)
            box = text.get_window_extent().padded(1)
            inside = (
                around.x0 <= box.x0 and box.x1 <= around.x1 and around.y0 <= box.y0 and box.y1 <= around.y1
            )
            others = taken[:number] + taken[number + 1 :] + lined
            if inside and not any(box.overlaps(other) for other in others):
                taken.append(box)
                break
            text.remove()


def _marker(axes, x, y) -> Bbox:
    center = axes.transData.transform((x, y))
    reach = REACH * axes.figure.dpi / 72
    return Bbox([center - reach, center + reach])
