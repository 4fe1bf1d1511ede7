# %% [markdown]
# # Your own run
#
# Point `LOG` at what your trainer wrote (TRL, verl, a table of rollouts, …). Nothing is sent
# anywhere. The two logs here come with the repository: one of a run in trouble, one of a healthy one
# that TRL wrote.

# %%
import polars as pl

import conet

LOG = "tests/data/trouble/collapse.parquet"
found = conet.diagnose(LOG)
for headline in found.headlines:
    print(f"{headline.urgency.name.lower()}: {headline.text}")

# %% [markdown]
# What happened to the answers.

# %%
found.figure("answers")

# %% [markdown]
# Every problem by itself: what was learned, what was forgotten again.

# %%
found.problems.group_by("status").len().sort("len", descending=True)

# %% [markdown]
# The rollouts themselves are a table of polars. Here the share of answers that the length limit cut
# off, by step.

# %%
record = conet.read(LOG)
print(record.rows.group_by("step", maintain_order=True).agg(pl.col("truncated").mean()))

# %% [markdown]
# A healthy run, and whether it is time to heat.

# %%
healthy = conet.diagnose("tests/data/trl/plain")
print(healthy.findings["stage"], healthy.findings["heat_now"])
