"""Networks that teach others by their answers, and means of networks' weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mer_ros.text.word_pieces import WordPieces
from mer_ros.training.calibration import softmax
from mer_ros.training.minilm import conversation_logits
from mer_ros.training.networks.minilm import ConversationNet
from mer_ros.training.talks import Talk


def mean_weights(networks: Sequence[nn.Module], shares: Sequence[float] = ()) -> dict[str, torch.Tensor]:
    """The mean of several networks' weights (Wortsman et al. 2022), by `shares` where given; they began alike."""
    states = [network.state_dict() for network in networks]
    of = torch.tensor(shares or [1.0] * len(networks))
    of = of / of.sum()
    return {
        name: torch.stack([state[name] * share for state, share in zip(states, of, strict=True)]).sum(dim=0)
        for name in states[0]
    }


def answers(
    teachers: Sequence[ConversationNet], talks: Sequence[Talk], pieces: WordPieces, shares: Sequence[float] = ()
) -> NDArray[np.float64]:
    """[N, 7], the teachers' mean probabilities for all turns of all talks, by `shares` where given."""
    told = [softmax(conversation_logits(teacher, talks, pieces)[0]) for teacher in teachers]
    return np.average(told, axis=0, weights=shares or None)


def taught_talks(
    talks: Sequence[Talk],
    told: NDArray[np.floating],
    share: float,
    weights: NDArray[np.floating],
    tilt: NDArray[np.floating] | float = 1.0,
) -> list[Talk]:
    """The talks with targets that are, by a `share`, what teachers answer (Hinton et al. 2015).

    told: [N, 7], see `answers`. weights: [7], the class weights of the student's loss; the answers, which have their
    prior already, are divided by them. tilt: [7], multiplies the answers, from the prior of the teachers to the one of
    the student.
    """
    told = told * tilt
    told = told / told.sum(axis=1, keepdims=True) / weights
    ends = np.cumsum([len(talk) for talk in talks])
    return [
        replace(talk, emotions=((1 - share) * talk.emotions + share * told[end - len(talk) : end]).astype(np.float32))
        for talk, end in zip(talks, ends, strict=True)
    ]
