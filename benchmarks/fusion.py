"""Fusion and dialogue model: processor time of one decision on one core. Exit code 1 above 2 ms (95 % of all).

python benchmarks/fusion.py
"""

from __future__ import annotations

import datetime
import platform
import sys
import time

import numpy as np

from mer_ros import resources
from mer_ros.emotion import EMOTIONS, DialogueTurn, Modality, ModalityEstimate
from mer_ros.experts import ExpertOptions, load_experts
from mer_ros.fusion.dialogue import Dialogue
from mer_ros.fusion.judge import Judge
from mer_ros.fusion.options import FusionOptions

ROUNDS, WARM_UP = 2000, 50
MOST_MS = 2.0


def main() -> int:
    experts, _ = load_experts(ExpertOptions(resources.models_dir(), device="cpu"))
    judge = Judge(experts, FusionOptions())
    rng = np.random.default_rng(1)
    dialogue = Dialogue()
    for turn in range(10):
        told = rng.dirichlet(np.ones(len(EMOTIONS)))
        dialogue.add(DialogueTurn(turn + 1, turn, turn + 1, "ab"[turn % 2], "", float(told.max()), told, "words"))
    times = np.zeros(ROUNDS)
    for i in range(ROUNDS):
        said = {m: ModalityEstimate(m, rng.dirichlet(np.ones(7)), quality=float(rng.uniform(0.1, 1))) for m in Modality}
        begun = time.process_time_ns()
        judge.decide(said, dialogue, "a", utterance_id=i, start_ns=0, end_ns=1, is_final=True)
        times[i] = (time.process_time_ns() - begun) / 1e6
    median, most = np.percentile(times[WARM_UP:], (50, 95))
    print(f"{datetime.date.today()}, {platform.machine()}, Python {platform.python_version()}")
    print(f"a decision, three modalities and six turns: {median:.3f} ms (median), {most:.3f} ms (95 %)")
    return int(most > MOST_MS)


if __name__ == "__main__":
    sys.exit(main())
