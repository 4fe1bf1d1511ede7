# %% [markdown]
# # Watch a web grow
#
# Walks on a graph are rewarded for reaching their answer, and nothing else. Islands of skill appear,
# and merge into one web. `PRESET = "reference"` is the real thing, a few seconds long; `smoke` is
# small.

# %%
from matplotlib import pyplot

import conet

PRESET = "smoke"
run = conet.run(conet.preset(PRESET).override({"seed": 1}), "runs/web-grows")

# %% [markdown]
# The learning curve, and how many islands the web consists of (edges with a probability of 0.3 or
# more).

# %%
metrics = run.metrics()
figure, axes = pyplot.subplots(figsize=(7, 3), layout="constrained")
axes.plot(metrics["step"], metrics["accuracy"], label="accuracy")
axes.set(xlabel="update", ylabel="accuracy")
right = axes.twinx()
right.plot(metrics["step"], metrics["islands"], color="black", linestyle="dotted")
right.set_ylabel("islands (dotted)")

# %% [markdown]
# The web itself. No node moves from one drawing to the next.

# %%
run.figure("concept-web")

# %% [markdown]
# Snapshots are webs too: anything that can be asked of a web can be asked of each.

# %%
for step, web in run.webs():
    largest = web.component_sizes.max() if len(web.component_sizes) else 0
    print(f"update {step:4}: {web.components:3} islands, the largest of {largest:3} nodes")

# %% [markdown]
# Which islands merged, and when.

# %%
print(run.merges())
