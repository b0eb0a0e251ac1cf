"""Synthetic tuples, and what the fusion makes of them."""

import numpy as np
import pytest

from mer_ros.corpora.text import Lines
from mer_ros.emotion import EMOTIONS, Modality
from mer_ros.errors import InputError
from mer_ros.evaluation.answers import Answers, misheard, noisy
from mer_ros.evaluation.fusion import SUBSETS, evaluate_tuples, name_of
from mer_ros.evaluation.tuples import halves, judged, match, speaker_halves
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.options import CONVERSATION_PRIOR, FusionOptions

PRIOR = np.array(CONVERSATION_PRIOR) / np.sum(CONVERSATION_PRIOR)


def lines(n: int = 400, seed: int = 0) -> Lines:
    rng = np.random.default_rng(seed)
    labels = rng.choice(7, n, p=PRIOR)
    labels[:7] = np.arange(7)
    texts = tuple("Yeah." if i % 10 == 0 else "a line of some length" for i in range(n))
    speakers = tuple("ab"[i % 2] for i in range(n))
    return Lines(
        texts, np.eye(7, dtype=np.float32)[labels], np.full(n, -1), np.arange(n) // 8, np.arange(n) % 8, speakers
    )


def answers(labels, skill: float, seed: int) -> Answers:
    """Of a calibrated expert that was trained on classes as frequent as in talk."""
    rng = np.random.default_rng(seed)
    logits = np.log(PRIOR) + skill * (skill * np.eye(7)[labels] + rng.normal(size=(len(labels), 7)))
    told = np.exp(logits - logits.max(axis=1, keepdims=True))
    told /= told.sum(axis=1, keepdims=True)
    return Answers(told, np.ones(len(labels)), np.asarray(labels), np.arange(len(labels)))


def experts(**more) -> Experts:
    def never(*_):
        raise AssertionError("the answers are there already")

    return Experts(**{m.value: Expert(never, PRIOR, 1.0) for m in Modality}, independence=1.0, **more)


def tuples(seed: int = 0):
    spoken = lines(seed=seed)
    return match(
        spoken,
        answers(spoken.labels, 1.0, 1),
        answers(lines(seed=7).labels, 1.3, 2),
        answers(np.arange(70) % 7, 1.6, 3),
        0,
    )


def test_tuples_are_matched_by_label():
    found = tuples()
    for modality in Modality:
        assert (found.answers[modality].labels == found.labels).all()
    assert len(np.unique(found.answers[Modality.FACE].groups)) > 30


def test_a_label_without_a_face_is_said():
    spoken = lines()
    heard = answers(spoken.labels, 1.0, 1)
    with pytest.raises(InputError, match="face of every label"):
        match(spoken, heard, heard, heard.rows(heard.labels != 3), 0)


def test_halves_part_no_group_and_keep_their_seed():
    names = [i // 3 for i in range(300)]
    first = halves(names)
    assert 100 < first.sum() < 200
    assert all(len({first[i] for i in range(300) if names[i] == name}) == 1 for name in set(names))
    assert (first == halves(names)).all()


def test_halves_of_speakers_have_men_and_women_and_all_corpora():
    speakers = [f"ravdess-{n}" for n in (15, 16, 17, 18)] + ["tess-oaf", "tess-yaf"]
    assert speaker_halves(speakers).tolist() == [True, True, False, False, True, False]


def test_what_is_left_out_says_nothing_and_nothing_at_all_says_what_is_usual():
    found = tuples()
    options = FusionOptions()
    assert judged(found, experts(), (), options) == pytest.approx(np.tile(PRIOR, (len(found), 1)))
    face = judged(found, experts(), (Modality.FACE,), options)
    assert face == pytest.approx(found.answers[Modality.FACE].probabilities, abs=2e-3)


def test_the_dialogue_model_reads_the_past_of_its_own_dialogue_only():
    seen = []

    def dialogue(current, history, same):
        seen.append(int((history.sum(axis=1) > 0).sum()))
        return current

    found = tuples()
    judged(found, experts(dialogue=dialogue), (Modality.TEXT,), FusionOptions(), dialogue=True)
    assert seen == [min(i, 6) for _ in range(50) for i in range(1, 8)]  # the first turn of each has no past


def test_the_evaluation_tells_of_every_subset_and_none_is_worse_than_its_best():
    parts = [tuples(seed) for seed in (0, 1, 2, 3)]
    found = evaluate_tuples(experts(), parts, parts, (400, 400, 70))
    told = found.as_mapping()
    assert told["synthetic"] is True
    assert set(told["subsets"]) == {name_of(s) for s in SUBSETS} == set(told["subsets_in_dialogue"])
    assert told["worse_than_best_modality"] == {}
    assert told["subsets"]["face+audio+text"]["accuracy"] > told["subsets"]["face"]["accuracy"] + 0.05
    assert found.scores.ece < 0.05  # calibrated experts, which err independently
    chance = told["ece_if_calibrated"]
    assert 0.0 < chance["text"] < 0.06  # 400 lines
    assert told["subsets"]["text"]["ece"] < 0.09
    assert told["short_answers"]["text with context"]["n"] == 160
    kept = [told["thresholds"][t]["kept"] for t in ("0.5", "0.7", "0.9")]
    named = [told["thresholds"][t]["accuracy"] for t in ("0.5", "0.7", "0.9")]
    assert kept == sorted(kept, reverse=True)
    assert named == sorted(named)
    assert set(told["per_class"]) == set(EMOTIONS)


def test_misheard_words_are_lost_or_mistaken():
    rng = np.random.default_rng(0)
    said = " ".join(["word"] * 4000)
    heard = misheard(said, 0.3, ["other"], rng).split()
    assert len(heard) == pytest.approx(4000 * 0.85, rel=0.03)
    assert heard.count("other") == pytest.approx(4000 * 0.15, rel=0.1)
    assert misheard("Well, no!", 0.0, ["other"], rng) == "well no"


def test_noise_has_the_ratio_asked_for():
    rng = np.random.default_rng(0)
    clip = (3000 * np.sin(np.arange(32_000) / 5)).astype(np.int16)
    heard = noisy(clip, 10.0, rng).astype(float)
    silence = (len(heard) - len(clip)) // 2
    noise = np.mean(heard[:silence] ** 2)
    assert 10 * np.log10(np.mean(clip.astype(float) ** 2) / noise) == pytest.approx(10, abs=0.2)
    assert (noisy(clip, None, rng)[silence:-silence] == clip).all()
