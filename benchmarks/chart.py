"""The chart of the documentation's page, drawn from `results.json` with matplotlib.

Run `python -m benchmarks.chart results.json results.svg` in the environment with matplotlib. The same figures give the
same file.
"""

from __future__ import annotations

import json
import sys

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update(
    {
        "svg.hashsalt": "singletable",
        # Keeps text as text, so that screen readers and searches find it.
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)

from matplotlib import pyplot  # noqa: E402 - the settings must be first
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from benchmarks.results import Row, row_of  # noqa: E402

OURS, OTHERS, MET, MISSED, INK = "#1f6feb", "#c3c9d1", "#1a7f37", "#cf222e", "#24292f"


def main() -> None:
    """Draw the chart."""
    with open(sys.argv[1], encoding="utf-8") as file:
        results = json.load(file)
    draw([row_of(each) for each in results["rows"]]).savefig(sys.argv[2], metadata={"Date": None}, facecolor="white")


def draw(rows: list[Row]) -> Figure:
    """Draw the CPU time of a Query above, and every figure with its target below."""
    queries = [row for row in rows if row.group.startswith("Query") and row.ours is not None]
    judged = [row for row in rows if row.met is not None]
    mixes = list(dict.fromkeys(row.what for row in queries))
    figure = pyplot.figure(figsize=(9.5, 3.4 + 0.27 * len(judged)), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[2.2, 0.9 + 0.27 * len(judged)])
    for axes, mix in zip(above.subplots(1, len(mixes)), mixes, strict=True):
        of_query(axes, mix, [row for row in queries if row.what == mix])
    title = "Each figure against its target, which is the line: met to the left of it, missed to the right"
    below.suptitle(title, x=0.01, ha="left", color=INK, fontsize=9)
    against_targets(below.subplots(), judged)
    return figure


def of_query(axes: Axes, mix: str, rows: list[Row]) -> None:
    """Draw one bar for each peer, in ms of CPU."""
    bars = {"singletable": rows[0].ours, **{row.peer: row.theirs for row in rows}}
    names = sorted(bars, key=lambda name: -bars[name])
    drawn = axes.barh(
        names, [bars[name] for name in names], color=[OURS if n == "singletable" else OTHERS for n in names]
    )
    axes.bar_label(drawn, fmt="%.1f ms", padding=3, color=INK)
    axes.set_title(f"{rows[0].group}, {mix}: CPU, less is better", loc="left", color=INK, fontsize=9)
    axes.set_xlim(0, max(bars.values()) * 1.2)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(left=False)


def against_targets(axes: Axes, rows: list[Row]) -> None:
    """Draw each figure as a multiple of the maximum that its target allows."""
    places = range(len(rows) - 1, -1, -1)
    shares = [(row.ratio if row.peer else row.ours) / row.most for row in rows]
    colors = [MET if row.met else MISSED for row in rows]
    axes.hlines(places, 1, shares, color=colors, linewidth=2)
    axes.scatter(shares, places, color=colors, s=26, zorder=3)
    axes.axvline(1, color=INK, linewidth=1)
    for place, share, row in zip(places, shares, rows, strict=True):
        side = 1 if share > 1 else -1
        axes.annotate(
            row.measured or row.figures[0],
            (share, place),
            xytext=(7 * side, 0),
            textcoords="offset points",
            ha="left" if side > 0 else "right",
            va="center",
            color=INK,
        )
    axes.set_yticks(list(places), [label(row) for row in rows])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xscale("log")
    # Space for the text on both sides.
    axes.set_xlim(min(*shares, 0.7) / 2, max(*shares, 1.4) * 2)
    axes.xaxis.set_visible(False)
    axes.spines[["bottom", "left"]].set_visible(False)
    axes.tick_params(left=False)


def label(row: Row) -> str:
    """Return the name of a row, with its target."""
    peer = f" / {row.peer}" if row.peer else ""
    return f"{row.group}, {row.what}{peer} ({row.target})"


if __name__ == "__main__":
    main()
