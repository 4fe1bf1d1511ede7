"""The rules of the league: what each may be tuned to, fixed before any run that is shown.

The candidates were written after a look at seeds 901 and 902. RLVR as it stands has one,
every other rule eight.
"""

from typing import Any

Candidate = dict[str, Any]

REFERENCE_RATE = 300 / 128  # learning rate over the number of problems, as in the preset `reference`
BASES = ((8, 1.17), (8, REFERENCE_RATE), (32, REFERENCE_RATE), (64, 4.69))  # rollouts and rate
TEMPERATURE = {"schedule.name": "temperature"}


def at(rollouts: int, rate: float, **named: Any) -> Candidate:
    """Return a candidate; double underscores stand for the dots of settings."""
    settings = {name.replace("__", "."): value for name, value in named.items()}
    return {"rate": rate, "learner.rollouts": rollouts, **settings}


def on_bases(*named: Candidate) -> list[Candidate]:
    """Return each of two sets of settings on each of four bases."""
    return [at(*base) | each for base in BASES for each in named]


def sft(heat_at: str | float) -> list[Candidate]:
    """Return the paper's heating at a moment: two strengths on four bases."""
    moment = {"schedule.name": "annealed_rlvr", "schedule.heat_at": heat_at}
    return on_bases(*({**moment, "schedule.sft_learning_rate": strength} for strength in (0.05, 0.15)))


def warm(cooling: str, *chosen: tuple[int, float, float], **named: Any) -> list[Candidate]:
    """Return candidates with an entropy bonus: rollouts, rate and weight of each."""
    shape = {**TEMPERATURE, "schedule.cooling": cooling, **named}
    return [at(rollouts, rate, learner__entropy=weight) | shape for rollouts, rate, weight in chosen]


def passes(epochs: tuple[tuple[int, int], ...], rate: float, **named: Any) -> list[Candidate]:
    """Return candidates with several passes over each batch: rollouts and passes of each."""
    return [at(rollouts, rate, learner__epochs=count, **named) for rollouts, count in epochs]


GRID = [
    at(rollouts, rate)
    for rollouts, rates in {8: (1.17, 2.34), 16: (1.17, 2.34), 32: (2.34, 4.69), 64: (2.34, 4.69)}.items()
    for rate in rates
]
WARM = (
    (8, 1.17, 0.01),
    (8, 2.34, 0.01),
    (8, 2.34, 0.02),
    (8, 2.34, 0.03),
    (8, 4.69, 0.04),
    (32, 4.69, 0.02),
    (32, 4.69, 0.03),
    (32, 9.38, 0.04),
)
COOLED = tuple((rollouts, rate, round(1.6 * weight, 3)) for rollouts, rate, weight in WARM)
SEEN = {"schedule.sft_every": 15}

AS_IT_IS, TUNED = "RLVR as in `reference`", "RLVR, tuned"
# In the order in which they are run: an interrupted league has whole rules.
RULES: dict[str, list[Candidate]] = {
    AS_IT_IS: [at(8, REFERENCE_RATE)],
    TUNED: GRID,
    "entropy, constant": warm("constant", *WARM),
    "paper's SFT, at the signal": sft("detector"),
    "entropy, controlled": [
        at(rollouts, rate) | TEMPERATURE
        for rollouts, rates in {
            8: (1.17, 2.34, 4.69),
            16: (2.34, 4.69),
            32: (4.69, 9.38),
            64: (9.38,),
        }.items()
        for rate in rates
    ],
    "entropy, SFT and adaptive groups": warm("constant", *WARM, **SEEN, **{"schedule.adaptive_groups": True}),
    "SFT every n updates": on_bases(
        *({**TEMPERATURE, "schedule.cooling": "none", "schedule.sft_every": every} for every in (10, 20))
    ),
    "adaptive groups": [
        {**each, **TEMPERATURE, "schedule.cooling": "none", "schedule.adaptive_groups": True} for each in GRID
    ],
    "entropy, decayed": warm("linear", *COOLED),
    "entropy and SFT every 15": warm("constant", *WARM, **SEEN),
    "pass@k advantages": [{**each, "learner.name": "pass_at_k", "learner.k": 2} for each in GRID],
    "decay of the logits": on_bases({"learner.logit_decay": 0.003}, {"learner.logit_decay": 0.01}),
    "negative-sample reinforcement": [
        at(8, rate, learner__name="negative", learner__positive=positive)
        for positive, rates in {
            0.1: (0.6, 2.34),
            1.0: (1.17, 4.69),
            3.0: (0.6, 1.17),
            10.0: (0.3, 0.6),
        }.items()
        for rate in rates
    ],
    "clip-higher": [
        candidate
        for high in (0.28, 1.0)
        for rate in (1.17, 2.34)
        for candidate in passes(((16, 2), (32, 4)), rate, learner__clip=0.2, learner__clip_high=high)
    ],
    "KL to the start": on_bases({"learner.kl": 0.003}, {"learner.kl": 0.02}),
    "replay in dead groups": [{**each, "learner.replay": True} for each in GRID],
    "paper's SFT, early": sft(0.04),
    "paper's SFT, late": sft(0.5),
    "KL-Cov": [
        candidate
        for share in (0.02, 0.2)
        for rate in (1.17, 2.34)
        for candidate in passes(
            ((16, 2), (32, 2)), rate, learner__name="kl_cov", learner__covariance_share=share
        )
    ],
}
SOURCES = {
    "clip-higher": "DAPO, arXiv 2503.14476",
    "KL-Cov": "arXiv 2505.22617",
    "negative-sample reinforcement": "arXiv 2506.01347",
    "pass@k advantages": "arXiv 2508.10751",
    "KL to the start": "GRPO, arXiv 2402.03300",
    "replay in dead groups": "self-imitation, arXiv 1806.05635",
    "entropy, constant": "arXiv 1602.01783",
    "entropy, controlled": "a target that falls to zero; our choice",
    "paper's SFT, at the signal": "arXiv 2509.23629",
}


def words(candidate: Candidate) -> str:
    """Say in a few words what a candidate is."""
    names = {
        "learner.rollouts": "G",
        "rate": "lr/M",
        "learner.entropy": "β",
        "schedule.sft_learning_rate": "SFT",
        "schedule.sft_every": "every",
        "learner.logit_decay": "decay",
        "learner.kl": "KL",
        "learner.clip_high": "high",
        "learner.epochs": "passes",
        "learner.covariance_share": "share",
        "learner.positive": "positive",
        "learner.k": "k",
    }
    return ", ".join(f"{names[key]} {candidate[key]:.3g}" for key in names if key in candidate)
