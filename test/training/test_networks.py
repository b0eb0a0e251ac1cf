"""Each network learns the mechanism it is made for, on generated samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which is not installed")

from mer_ros.corpora.faces import Faces  # noqa: E402
from mer_ros.corpora.text import Lines  # noqa: E402
from mer_ros.emotion import EMOTIONS  # noqa: E402
from mer_ros.errors import MissingDependencyError, OptionError  # noqa: E402
from mer_ros.evaluation.scores import score  # noqa: E402
from mer_ros.training import context, dialogue, early_fusion, fusion, speech  # noqa: E402
from mer_ros.training import faces as face_training  # noqa: E402
from mer_ros.training import text as text_training  # noqa: E402
from mer_ros.training.augment import augment_faces  # noqa: E402
from mer_ros.training.facenet_weights import facenet_weights  # noqa: E402
from mer_ros.training.faces import (  # noqa: E402
    HALF_PASSES,
    SMALL_PASSES,
    WHOLE_PASSES,
    face_logits,
    halves,
    large_classifier,
    small_classifier,
    train_classifier,
    train_halves,
    train_small,
)
from mer_ros.training.generated import aligned_samples, telling_contexts, textures  # noqa: E402
from mer_ros.training.glove import Vocabulary  # noqa: E402
from mer_ros.training.loop import FitOptions  # noqa: E402
from mer_ros.training.networks.dialogue import DialogueNet  # noqa: E402
from mer_ros.training.networks.early_fusion import EarlyFusionNet  # noqa: E402
from mer_ros.training.networks.face import CaerNet  # noqa: E402
from mer_ros.training.networks.facenet import LEAST  # noqa: E402
from mer_ros.training.networks.speech import SpeechNet  # noqa: E402
from mer_ros.training.networks.text import TextNet  # noqa: E402


def accuracy(truth, said):
    return (truth == said).mean()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def facenet():
    try:
        facenet_weights()
    except MissingDependencyError as error:
        pytest.skip(str(error))


def vocabulary(words=("not", "good", "bad", "very", "day", "."), size=16):
    vectors = np.random.default_rng(3).normal(size=(len(words) + 2, size)).astype(np.float32)
    vectors[0] = 0
    return Vocabulary(("", "<unknown>", *words), vectors)


@pytest.mark.parametrize("arch", ["cnn", "lstm"])
def test_text_learns_that_order_matters(arch):
    # "not good" and "not bad": no bag of words tells these lines apart.
    generator = np.random.default_rng(1)
    texts, labels = [], []
    for _ in range(96):
        positive, swapped = generator.integers(0, 2, 2)
        pair = (
            ("not good . very bad", "not bad . very good")
            if swapped
            else ("very bad . not good", "very good . not bad")
        )
        texts.append(f"{' '.join(['day'] * generator.integers(0, 5))} {pair[positive]}")
        labels.append(3 if positive else 5)
    words = vocabulary()
    emotions = np.eye(7, dtype=np.float32)[labels]
    ids = torch.from_numpy(words.ids(texts))
    batch = (ids, torch.from_numpy(emotions), torch.full((96,), -1))
    network = TextNet(arch, torch.from_numpy(words.vectors))
    options = FitOptions(epochs=10, batch_size=16, learning_rate=5e-3)
    text_training.fit_text(network, batch, options, progress=False)
    assert accuracy(np.array(labels), text_training.text_logits(network, ids)[0].argmax(1)) > 0.97


def test_text_padding_changes_nothing_in_the_lstm():
    words = vocabulary()
    network = TextNet("lstm", torch.from_numpy(words.vectors)).eval()
    ids = torch.from_numpy(words.ids(["not good"]))
    network.words.table.data[0] = 5.0  # whatever the padding's row holds
    with torch.no_grad():
        told = network(ids)[0]
        network.words.table.data[0] = -5.0
        assert torch.equal(told, network(ids)[0])


def test_unknown_architecture():
    with pytest.raises(OptionError, match="cnn, lstm"):
        TextNet("gru", torch.zeros(3, 4))


def voices(n, generator):
    """Clips whose class is the direction in which one feature goes, not its mean."""
    features = np.zeros((n, 100, 34), np.float32)
    labels = generator.integers(0, 2, n)
    for clip, label in zip(features, labels, strict=True):
        frames = generator.integers(20, 60)
        clip[:frames] = generator.normal(size=(frames, 34))
        clip[:frames, 5] += np.linspace(-3, 3, frames) * (1 if label else -1)
    return features, labels


def test_speech_learns_a_course_over_time():
    features, labels = voices(128, np.random.default_rng(1))
    network = SpeechNet(*speech.statistics(features), width=32)
    chances = speech.balanced_chances(labels, ("a",) * 128, {})
    options = FitOptions(epochs=25, batch_size=16, learning_rate=5e-3)
    speech.fit_speech(network, features[None], labels, chances, options, progress=False)
    unseen, truth = voices(64, np.random.default_rng(2))
    assert accuracy(truth, speech.speech_logits(network, torch.from_numpy(unseen)).argmax(1)) > 0.8


def test_speech_answers_finitely_to_silence_and_to_extremes():
    network = SpeechNet(torch.zeros(34), torch.ones(34)).eval()
    features = torch.stack((torch.zeros(100, 34), torch.full((100, 34), 1e6), torch.full((100, 34), -1e-9)))
    with torch.no_grad():
        assert torch.isfinite(network(features)).all()


def test_speech_draws_classes_and_corpora_by_their_share():
    labels = np.array([0, 0, 0, 1, 0, 1])
    chances = speech.balanced_chances(labels, ("a",) * 4 + ("b",) * 2, {"b": 0.5})
    assert chances.sum() == pytest.approx(1)
    assert chances[:3].sum() == pytest.approx(chances[3])
    assert chances[:4].sum() == pytest.approx(4 * chances[4:].sum())


def drawn_faces(n, generator):
    """Grey pictures whose class is where a bright bar lies: the top or the bottom."""
    labels = generator.integers(0, 2, n)
    images = generator.integers(0, 90, (n, 48, 48), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[(8 if label else 32) :][:8, 10:38] += 120
    return Faces(images, labels)


QUICK = tuple(
    replace(one, options=FitOptions(epochs=3, batch_size=16, learning_rate=3e-3, average=0.9), until=None)
    for one in SMALL_PASSES
)


def trained_on(faces, network, passes=QUICK):
    train_classifier(network, passes, faces, faces.rows(np.arange(8)), progress=False)
    return network


def test_the_small_face_network_learns_in_spite_of_the_changes(monkeypatch):
    monkeypatch.setattr(face_training, "SMALL_PASSES", QUICK)
    faces, network = drawn_faces(192, np.random.default_rng(1)), small_classifier(1, 8)
    train_small(network, faces, faces.rows(np.arange(8)), progress=False)
    unseen = drawn_faces(64, np.random.default_rng(3))
    assert accuracy(unseen.labels, face_logits(network, unseen).argmax(1).numpy()) > 0.9


def test_the_large_face_network_learns_from_few_faces_and_from_what_others_told(facenet):
    faces, unseen = drawn_faces(64, np.random.default_rng(1)), drawn_faces(48, np.random.default_rng(3))
    network = large_classifier(1, LEAST)
    quick = replace(WHOLE_PASSES[-1], options=FitOptions(epochs=3, batch_size=8, learning_rate=1e-3, average=0.5))
    # Others told what is not in the labels: where the bar lies, three classes on.
    told = torch.eye(7)[torch.from_numpy(faces.labels) + 3]
    train_classifier(network, (replace(quick, taught=1.0),), faces, unseen, told=told, progress=False)
    assert accuracy(unseen.labels + 3, face_logits(network, unseen).argmax(1).numpy()) > 0.8


def test_halves_tell_what_they_think_of_images_that_they_have_not_met(facenet, monkeypatch, tmp_path):
    drawn = drawn_faces(96, np.random.default_rng(1))
    copied = drawn.rows(np.concatenate((np.arange(96), np.arange(8))))
    which = halves(copied)
    assert 20 < which[:96].sum() < 76
    assert (which[96:] == which[:8]).all()  # an image and its copy are never apart
    options = FitOptions(epochs=3, batch_size=8, learning_rate=1e-3, average=0.5)
    monkeypatch.setattr(face_training, "HALF_PASSES", (replace(HALF_PASSES[-1], options=options),))
    # What one half has as top is bottom in the other: so each tells the wrong of the other, for it met only its own.
    labels = np.where(which == 1, 1 - copied.labels, copied.labels)
    network, told = train_halves(Faces(copied.images, labels), drawn, side=LEAST, run=tmp_path / "half", progress=False)
    assert told.sum(dim=1).tolist() == pytest.approx([1.0] * len(copied), abs=1e-4)
    assert accuracy(labels, told.argmax(1).numpy()) < 0.2
    assert (tmp_path / "half-1-settle").is_dir()
    assert (tmp_path / "half-2-settle").is_dir()
    assert face_logits(network, drawn).isfinite().all()


def test_changes_keep_range_and_shape():
    faces = torch.rand(8, 1, 48, 48)
    changed = augment_faces(faces)
    assert changed.shape == faces.shape
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not torch.equal(changed, faces)


def test_fusion_over_random_scenes_answers_by_the_face_alone(facenet):
    faces = drawn_faces(128, np.random.default_rng(1))
    small, large = trained_on(faces, small_classifier(1, 8)), large_classifier(1, LEAST)
    network = CaerNet(width=8, side=LEAST)
    network.face.take(small, large)
    fusion_options = FitOptions(epochs=10, batch_size=32, learning_rate=3e-3, average=0.9)
    fusion.fit_fusion(network, faces, fusion_options, scenes=40, progress=False)
    unseen, scenes = drawn_faces(48, np.random.default_rng(3)), textures(12, np.random.default_rng(4))
    assert accuracy(unseen.labels, fusion.logits_of(network, unseen, scenes).argmax(1)) > 0.9
    effect = fusion.scene_effect(network, unseen, scenes, temperature=1.0)
    assert effect["scene_mean_change"] < 0.05
    assert effect["scene_labels_changed"] < 0.05


def test_the_context_stream_learns_where_to_look_before_faces_that_tell_nothing():
    network = CaerNet(width=4, side=64)
    network.face.requires_grad_(False)  # faces of noise teach it nothing, and its layers cost most
    options = replace(context.CONTEXT_OPTIONS, epochs=8, batch_size=16, learning_rate=8e-3, average=0.9)
    context.fit_context(network, context.generated_scenes(256, seed=1), options, progress=False)
    unseen = context.generated_scenes(64, seed=2)
    assert accuracy(unseen.labels, context.context_logits(network, unseen).argmax(1)) > 0.9
    with torch.no_grad():
        pictures = torch.from_numpy(unseen.contexts).permute(0, 3, 1, 2).float() / 255
        weights = network.context.attend(pictures)[1]
    assert torch.allclose(weights.sum(dim=1), torch.ones(64), atol=1e-5)
    # Attention is sharper than the mean over all 63 places.
    assert weights.amax(dim=1).mean() > 3 / weights.shape[1]


def test_early_fusion_needs_and_uses_all_three():
    generator = np.random.default_rng(1)
    train, unseen = aligned_samples(224, generator), aligned_samples(64, generator)
    words = sorted({w for text in (*train.texts, *unseen.texts) for w in text.split()})
    known = vocabulary(words)
    network = EarlyFusionNet(torch.from_numpy(known.vectors), *speech.statistics(train.features))
    options = replace(early_fusion.EARLY_OPTIONS, epochs=12, batch_size=16, learning_rate=8e-3, average=0.9)
    early_fusion.fit_early_fusion(network, early_fusion.as_batch(train, known), options, progress=False)
    batch = early_fusion.as_batch(unseen, known)
    told, felt = early_fusion.early_logits(network, batch)
    assert accuracy(unseen.emotions, told.argmax(1)) > 0.8
    assert accuracy(unseen.sentiments, felt.argmax(1)) > 0.8
    for i in range(3):  # without one of them, chance allows four in seven
        less = list(batch)
        less[i] = torch.zeros_like(batch[i])
        assert accuracy(unseen.emotions, early_fusion.early_logits(network, tuple(less))[0].argmax(1)) < 0.75


def test_no_modality_alone_tells_the_generated_answer():
    samples = aligned_samples(200, np.random.default_rng(1))
    right = samples.frames[:, 0, :, 75:].max(axis=(1, 2, 3)) > 200
    loud = samples.features[:, :10, 1].mean(axis=1) > 0
    assert 0.3 < right.mean() < 0.7
    for told in (right, ~right, loud, ~loud):
        assert max(np.bincount(samples.emotions[told]) / told.sum()) < 0.6
    assert samples.frames[:, -3:].max() < 60  # what was seen is gone at the end


def test_telling_contexts_are_told_by_colour_alone():
    contexts, labels = telling_contexts(20, np.random.default_rng(1))
    again, same = telling_contexts(20, np.random.default_rng(1))
    assert (contexts == again).all()
    assert (labels == same).all()
    assert contexts.shape == (20, 112, 150, 3)


def moods(dialogues, generator):
    """Dialogues of two whose moods last; the words alone are a poor witness."""
    rows = []
    for d in range(dialogues):
        mood = {"a": generator.integers(0, 7), "b": generator.integers(0, 7)}
        for t in range(8):
            speaker = "ab"[t % 2]
            if generator.random() < 0.1:
                mood[speaker] = generator.integers(0, 7)
            rows.append((d, t, speaker, mood[speaker]))
    labels = np.array([r[3] for r in rows])
    lines = Lines(
        ("x",) * len(rows),
        np.eye(7, dtype=np.float32)[labels],
        np.zeros(len(rows), np.int64),
        np.array([r[0] for r in rows]),
        np.array([r[1] for r in rows]),
        tuple(r[2] for r in rows),
    )
    witness = generator.normal(size=(len(rows), 7)) + 1.2 * np.eye(7)[labels]
    told = np.exp(witness) / np.exp(witness).sum(axis=1, keepdims=True)
    return lines, told.astype(np.float32)


def test_dialogue_learns_that_moods_last():
    generator = np.random.default_rng(1)
    lines, told = moods(150, generator)
    unseen, heard = moods(60, generator)
    options = replace(dialogue.DIALOGUE_OPTIONS, epochs=15, weight_decay=0.01, average=0.9)
    network = dialogue.fit_dialogue(lines, told, options, progress=False)
    before = score(unseen.labels, heard).weighted_f1
    assert score(unseen.labels, dialogue.roll_out(network, unseen, heard)).weighted_f1 > before + 0.04
    likelihoods = dialogue.choose_strength(network, unseen, [heard])
    assert likelihoods[round(float(network.strength), 2)] > likelihoods[0.0]


def test_dialogue_without_a_past_changes_nothing_and_is_causal():
    network = DialogueNet().eval()
    torch.nn.init.normal_(network.own)
    torch.nn.init.normal_(network.others)
    told = torch.randn(5, 7).softmax(dim=1)
    with torch.no_grad():
        same = network(told, torch.zeros(5, 6, 7), torch.ones(5, 6)).softmax(dim=1)
    assert torch.allclose(same, told, atol=1e-5)
    lines, heard = moods(3, np.random.default_rng(1))
    answers = dialogue.roll_out(network, lines, heard)
    changed = heard.copy()
    changed[5:8] = changed[5:8, ::-1]
    assert (dialogue.roll_out(network, lines, changed)[:5] == answers[:5]).all()
    assert np.allclose(dialogue.roll_out(network, lines, changed)[8:], answers[8:])  # the next dialogue


def test_windows_are_newest_last_and_stay_in_their_dialogue():
    lines, told = moods(2, np.random.default_rng(1))
    history, same = dialogue.windows(lines, told)
    assert (history[8] == 0).all()
    assert (history[2, -1] == told[1]).all()
    assert (history[2, -2] == told[0]).all()
    assert same[2, -2:].tolist() == [1, 0]
    unknown = dialogue.windows(lines, told, known=np.zeros(len(lines), bool))[1]
    assert unknown[2, -2:].tolist() == [1, 1]


def test_emotions_are_seven():
    assert len(EMOTIONS) == CaerNet().fusion.head[-1].out_features
