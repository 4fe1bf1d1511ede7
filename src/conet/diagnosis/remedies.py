"""Remedies against a policy that freezes or finds nothing, and what else helps where walks are trained."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from conet.diagnosis.declare import Remedy
from conet.diagnosis.log import Log

if TYPE_CHECKING:
    from conet.config import Config

# Beside every advice to give an entropy bonus: what it rests on (docs/results-annealing.md).
BONUS = (
    "an entropy bonus, which closed most of the gap to the best policy in CoNet and in a transformer that "
    "walks its graph (ten seeds), but on two small language models showed nothing beyond chance and was not "
    "tried here on large ones"
)
# What stands for it in `conet llm train`; "temperature" is there the name of a schedule, and no sampler's.
BONUS_SOURCE = (
    "`conet llm train`: schedule.name=temperature is that bonus; measured in docs/results-annealing.md"
)
ENTROPY = Remedy(
    f"clip less from above, keep a KL penalty, or add {BONUS}",
    f"TRL: epsilon_high, beta, entropy_coef; {BONUS_SOURCE}; verl: actor_rollout_ref.actor.clip_ratio_high, "
    "kl_loss_coef, entropy_coeff; DAPO, arXiv 2503.14476, section 3.1, on the clip; Cui et al., arXiv "
    "2505.22617, on the KL",
)
COLLAPSE = Remedy(
    "keep the policy broad: clip rises less than falls (clip-higher), a KL penalty, an advantage that pays "
    f"for pass@k, or {BONUS}",
    "DAPO, arXiv 2503.14476, section 3.1: TRL's epsilon_high, verl's clip_ratio_high; pass@k as a reward: "
    f"arXiv 2508.10751; {BONUS_SOURCE}",
)
WALKS: Mapping[str, Remedy] = {
    "collapse": Remedy(
        "train with an entropy bonus that lets the entropy fall only slowly: in CoNet's league it closed "
        "most of the gap to the best policy, in pass@64 too; next come larger groups and a lower rate",
        "`conet run`: schedule.name=temperature; then learner.rollouts, learner.learning_rate; "
        "docs/results-annealing.md",
    ),
    "in spite of a bonus": Remedy(
        "take larger groups and a lower rate: both leave a run nearer to the best policy",
        "`conet run`: learner.rollouts, learner.learning_rate; docs/results-annealing.md, quench",
    ),
    "truncated": Remedy(
        "look at the accuracy: walks that are cut off are those that have not found their answer; where "
        "shortest ways are nearly as long as the longest walk, allow longer ones",
        "`conet run`: problems.max_length, in hops",
    ),
    "all wrong": Remedy(
        "allow longer walks, warm up by SFT, or draw more walks of each problem: groups that are all wrong "
        "teach nothing",
        "`conet run`: problems.max_length, schedule.name=sft_then_rlvr, learner.rollouts",
    ),
    "all right": Remedy(
        "stop, or ask more problems: nearly every walk is right, so hardly anything is left to learn",
        "`conet run`: problems.count",
    ),
    "groups": Remedy(
        "draw more walks of each problem, or solved problems less often and the others more often",
        "`conet run`: learner.rollouts; schedule.name=temperature schedule.adaptive_groups=true; "
        "docs/schedules.md",
    ),
    "never solved": Remedy(
        "keep other ways tried by an entropy bonus, or draw more walks of each: all wrong, they teach "
        "nothing",
        "`conet run`: schedule.name=temperature, learner.rollouts; docs/results-annealing.md",
    ),
    "forgotten": Remedy(
        "take a lower rate and larger groups, so that one problem turns fewer edges of another's path; or a "
        "supervised update now and then on what was solved before",
        "`conet run`: learner.learning_rate, learner.rollouts; schedule.name=temperature "
        "schedule.sft_every=15; docs/schedules.md",
    ),
    "collapsed": Remedy(
        "train again at a lower rate or with larger groups; after a heating, with a lower rate of it",
        "`conet run`: learner.learning_rate, learner.rollouts; schedule.sft_learning_rate",
    ),
    "falling": Remedy(
        "look at which problems are lost (`problems.parquet`), and lower the rate before it collapses; after "
        "a heating, its rate",
        "`conet run`: learner.learning_rate; schedule.sft_learning_rate",
    ),
    "flat": Remedy(
        "see how many groups teach anything (`teaching_share`): more walks of each problem, longer ones or "
        "SFT before give a gradient where nearly all fail; a higher rate where they do not",
        "`conet run`: learner.rollouts, problems.max_length, schedule.name=sft_then_rlvr; "
        "learner.learning_rate",
    ),
    "longer": Remedy(
        "see whether right walks grow too; if not, more of them miss their answer: lower the rate",
        "`conet run`: learner.learning_rate; problems.max_length bounds them",
    ),
    "shorter": Remedy(
        "see whether walks end at answers of other problems, and let them go on from there; else draw more "
        "walks of each problem",
        "`conet run`: problems.stop_at_any_answer=false, learner.rollouts",
    ),
}


def remedy_for(log: Log, name: str, usual: Remedy) -> Remedy:
    """Return what helps: of a run of walks what stands for it in :data:`WALKS`, else the usual remedy."""
    if log.walks is None:
        return usual
    if name in ("collapse", "never solved") and _has_bonus(log.walks):
        name = "in spite of a bonus"
    return WALKS[name]


def _has_bonus(config: "Config") -> bool:
    """Whether a run has an entropy bonus already, so that to advise one would be no help."""
    schedule = config.schedule
    cooled = schedule.name == "temperature" and getattr(schedule, "cooling", "controlled") != "none"
    return cooled or schedule.name == "reheating" or getattr(config.learner, "entropy", 0.0) > 0
