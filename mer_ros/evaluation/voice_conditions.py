"""Voices as a robot gets them (soft, in noise, over the telephone, across a room), and how well these go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mer_ros.audio.emotion import AudioEmotion
from mer_ros.audio.listener import SpeechListener
from mer_ros.corpora.conditions import Sound, babble, in_room, pink_noise, telephone, white_noise, with_noise
from mer_ros.corpora.sound import heard, read_sound
from mer_ros.corpora.speech import Clips
from mer_ros.evaluation.run import ORDER_SEED, utterance_of
from mer_ros.evaluation.scores import score
from mer_ros.inference import Model

VOICES_OF_BABBLE = 5
_FULL = 32767.0


@dataclass(frozen=True)
class VoiceCondition:
    """kind: of the change. setting: how much of it, in words. change: of a whole clip, before anybody hears it.

    The change takes the clip, float [n] in -1..1, some other clips, and a generator; the same clip always gets the
    same one.
    """

    kind: str
    setting: str
    change: Callable[[Sound, Sequence[Sound], np.random.Generator], Sound]


def at_level(sound: Sound, others: Sequence[Sound], generator: np.random.Generator, *, peak_dbfs: float) -> Sound:
    """The largest sample at this many dB of full scale."""
    return sound * (10 ** (peak_dbfs / 20) / max(float(np.abs(sound).max()), 1e-9))


def in_noise(
    sound: Sound, others: Sequence[Sound], generator: np.random.Generator, *, kind: str, snr_db: float
) -> Sound:
    """White, pink, or other people's voices; the ratio is that of powers over the whole clip."""
    if kind == "babble":
        noise = babble(len(sound), others)
    else:
        noise = (white_noise if kind == "white" else pink_noise)(len(sound), generator)
    return with_noise(sound, noise, snr_db)


def on_telephone(sound: Sound, others: Sequence[Sound], generator: np.random.Generator) -> Sound:
    """300 to 3400 Hz, 8-bit mu-law."""
    return telephone(sound)


def across_room(sound: Sound, others: Sequence[Sound], generator: np.random.Generator, *, decay_s: float) -> Sound:
    """Half of the energy comes straight, the other half falls by 60 dB in this time."""
    return in_room(sound, decay_s, 0.5, generator)


LEVELS = tuple(VoiceCondition("peak", f"{db} dBFS", partial(at_level, peak_dbfs=db)) for db in (0, -10, -20, -30, -40))
CONDITIONS = (
    *LEVELS,
    *(
        VoiceCondition(f"{kind} noise", f"{db} dB", partial(in_noise, kind=kind, snr_db=db))
        for kind in ("white", "pink", "babble")
        for db in (20, 10)
    ),
    VoiceCondition("telephone", "300 to 3400 Hz, mu-law", on_telephone),
    *(VoiceCondition("room", f"decays in {s:g} s", partial(across_room, decay_s=s)) for s in (0.3, 0.6)),
)


def voice_robustness(
    model: Model, clips: Clips, conditions: Iterable[VoiceCondition] = CONDITIONS, progress: bool = True
) -> dict[str, dict[str, float]]:
    """UAR of a speech model, through the stages that run live, by kind of change and setting; unchanged first.

    Each speaker's clips come in random order, all changed alike, to a model that remembers persons. `same answer` tells
    the share of clips whose likeliest emotion is the unchanged clip's. Raises InputError.
    """
    sounds = [read_sound(path) / 32768.0 for path in clips.paths]
    listener, expert = SpeechListener(), AudioEmotion(model)
    unchanged = VoiceCondition("unchanged", "as recorded", lambda sound, others, generator: sound)
    found: dict[str, dict[str, float]] = {}
    same: dict[str, float] = {}
    first: NDArray[np.int64] | None = None
    for condition in tqdm((unchanged, *conditions), "conditions", disable=None if progress else True, leave=False):
        rows = _answers(expert, listener, model.entry.prior, clips, sounds, condition)
        told = rows.argmax(axis=1)
        first = told if first is None else first
        found.setdefault(condition.kind, {})[condition.setting] = score(clips.labels, rows).uar
        if condition.kind == "peak":
            same[condition.setting] = float(np.mean(told == first))
    return found | ({"same answer": same} if same else {})


def _answers(
    expert: AudioEmotion,
    listener: SpeechListener,
    prior: Sequence[float],
    clips: Clips,
    sounds: Sequence[Sound],
    condition: VoiceCondition,
) -> NDArray[np.float64]:
    """[N, 7]; the model's prior where it gave no answer."""
    rows = np.tile(np.asarray(prior, np.float64), (len(sounds), 1))
    rows /= rows.sum(axis=1, keepdims=True)
    expert.forget()
    for i in np.random.default_rng(ORDER_SEED).permutation(len(sounds)):
        others = [j for j in range(len(sounds)) if clips.speakers[j] != clips.speakers[i]] or [i]
        generator = np.random.default_rng(i)
        chosen = [sounds[j] for j in generator.choice(others, min(VOICES_OF_BABBLE, len(others)), replace=False)]
        changed = condition.change(sounds[i], chosen, generator)
        samples = np.clip(np.round(changed * 32768), -_FULL - 1, _FULL).astype(np.int16)
        given = expert.estimate(utterance_of(heard(samples, listener)), clips.speakers[i])
        if given.probabilities is not None:
            rows[i] = given.probabilities
    return rows
