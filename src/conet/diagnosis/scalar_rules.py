"""When a change of a number that a trainer logs is said, and what people do then."""

from dataclasses import dataclass

from conet.diagnosis.declare import Remedy
from conet.diagnosis.remedies import ENTROPY

EXPLODING = Remedy(
    "take out the entropy bonus, lower the learning rate, and look whether answers are gibberish",
    "verl: actor_rollout_ref.actor.entropy_coeff=0; TRL: entropy_coef, learning_rate",
)
STEPS_TOO_LARGE = Remedy(
    "lower the learning rate, clip the gradient, and go on from a checkpoint before it",
    "TRL: learning_rate, max_grad_norm, beta; verl: actor_rollout_ref.actor.optim.lr, grad_clip, "
    "kl_loss_coef",
)
MISMATCH = Remedy(
    "correct for the sampler: truncated importance sampling, the same precision on both sides, and a check "
    "that the sampler has the newest weights",
    "TRL: vllm_importance_sampling_correction; verl: algorithm.rollout_correction.rollout_is; "
    "Qi et al., arXiv 2510.26788",
)
BROKEN = Remedy(
    "stop: nothing is learned from a number that is none; go on from a checkpoint before it with a lower "
    "learning rate, and look for empty answers and for infinite log-probabilities",
    "TRL: max_grad_norm, bf16; verl: actor_rollout_ref.actor.grad_clip",
)
SKIPPED = Remedy(
    "see whether the trainer left that update out, as it should; if it comes again, lower the learning rate "
    "and look for empty answers and infinite log-probabilities at that step",
    "verl leaves out an update whose norm is not finite (workers/actor/dp_actor.py); TRL: max_grad_norm",
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When a change of a quantity is said.

    Attributes
    ----------
    name : str
        Of the headline.
    quantity : str
    words : str
    up : bool
        Whether it rises.
    ratio : float
        So many times as much (or, of a fall, as little) as at its other level.
    level : float
        So much at least (or, of a fall, no limit).
    remedy : Remedy
    """

    name: str
    quantity: str
    words: str
    up: bool
    ratio: float
    level: float = 0.0
    remedy: Remedy = STEPS_TOO_LARGE

    def __str__(self) -> str:
        at_least = f" and at least {self.level:g}" if self.level else ""
        return f"{self.words} at {self.ratio:g} times {'or more' if self.up else 'or less'}{at_least}"


# All ratios and levels are our choice; a healthy run lowers its entropy to a third or so, and its KL rises.
RULES = (
    Rule(
        name="entropy collapses",
        quantity="entropy",
        words="the entropy",
        up=False,
        ratio=0.2,
        remedy=ENTROPY,
    ),
    Rule(
        name="entropy explodes",
        quantity="entropy",
        words="the entropy",
        up=True,
        ratio=2.0,
        level=0.5,
        remedy=EXPLODING,
    ),
    Rule(name="KL", quantity="kl", words="the KL to the reference policy", up=True, ratio=20.0, level=0.5),
    Rule(name="KL", quantity="update_kl", words="the KL of an update", up=True, ratio=5.0, level=0.02),
    Rule(name="clip ratio", quantity="clip_ratio", words="the clip ratio", up=True, ratio=3.0, level=0.05),
    Rule(
        name="gradient norm",
        quantity="gradient_norm",
        words="the gradient norm",
        up=True,
        ratio=5.0,
        level=1.0,
    ),
    Rule(
        name="inference mismatch",
        quantity="inference_difference",
        words="the difference of log-probabilities between inference and training",
        up=True,
        ratio=3.0,
        level=0.02,
        remedy=MISMATCH,
    ),
    Rule(
        name="inference mismatch",
        quantity="inference_kl",
        words="the KL between inference and training",
        up=True,
        ratio=3.0,
        level=0.01,
        remedy=MISMATCH,
    ),
)
