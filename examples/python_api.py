"""From settings to a picture in Python: train, read the metrics, compute an observable, plot.

$ python examples/python_api.py            # writes valley.svg beside it
"""

import sys
from pathlib import Path

from matplotlib import pyplot

import conet
from conet.engine.tables import TablePolicy
from conet.observables.length import windowed_correct_length
from conet.observables.web import threshold_web


def main(out: Path) -> None:
    """Train the smallest preset in memory, and draw the V of the correct length with the islands."""
    config = conet.preset("smoke").override({"seed": 1, "graph.nodes": 200, "learner.rollouts": 16})
    metrics, training = conet.simulate(config)  # conet.run(config, "runs/mine") leaves a directory instead
    print(metrics.select("step", "accuracy", "correct_length", "islands").tail(3))

    # An observable by hand: which nodes have an edge that the policy has committed itself to?
    final = threshold_web(TablePolicy(training.policy.graph, training.policy.logits), config.web.threshold)
    print(f"{final.components} islands, average degree {final.mean_degree:.2f}, {len(final.nodes)} nodes")

    totals, counts = metrics["correct_length_sum"].to_numpy(), metrics["correct_count"].to_numpy()
    figure, axes = pyplot.subplots(layout="constrained")
    axes.plot(metrics["step"], windowed_correct_length(totals, counts), color="black")
    axes.set(xlabel="step", ylabel="length of correct walks (steps), 9-step window")
    right = axes.twinx()
    right.plot(metrics["step"], metrics["islands"], color="black", linestyle="dotted")
    right.set_ylabel("islands of the concept web (dotted)")
    figure.savefig(out / "valley.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
