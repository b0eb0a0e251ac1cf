"""Loaders and splits, on tiny folders made in the corpora's public layouts."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from mer_ros.corpora import faces, speech, text
from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError
from mer_ros.training.corpora import clips, scenes
from mer_ros.training.labels import check_each_emotion
from mer_ros.utterance import Box
from mer_ros.vision.detector import Detection

HEAD = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"


def meld(folder, part="train", rows=None):
    rows = rows or [
        (2, "Fine\x85", "Ann", "neutral", "neutral", 0, 1),
        (1, "I\x92m \x93so\x94 glad!", "Bob", "joy", "positive", 0, 0),
        (3, "Oh, no", "Ann", "fear", "negative", 1, 0),
    ]
    (folder / "meld").mkdir(exist_ok=True)
    lines = [f'{r[0]},"{r[1]}",{r[2]},{r[3]},{r[4]},{r[5]},{r[6]},1,1,"00:00:01,0","00:00:02,0"' for r in rows]
    (folder / "meld" / f"{part}_sent_emo.csv").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def test_meld_mends_control_characters_and_orders_dialogues(tmp_path):
    meld(tmp_path)
    lines = text.load_meld(tmp_path, "train")
    assert lines.texts[:2] == ("I'm so glad!", "Fine ...")
    assert [EMOTIONS[i] for i in lines.labels] == ["joy", "neutral", "fear"]
    assert lines.sentiments.tolist() == [2, 1, 0]
    assert lines.turns.tolist() == [0, 1, 0]
    assert lines.speakers == ("Bob", "Ann", "Ann")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "no column"),
        (HEAD, "no rows"),
        (HEAD + '1,"x",A,bored,neutral,0,0,1,1,"",""\n', "bored"),
    ],
)
def test_meld_refuses(tmp_path, content, message):
    (tmp_path / "meld").mkdir()
    (tmp_path / "meld" / "train_sent_emo.csv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        text.load_meld(tmp_path, "train")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"train_sent_emo\.csv is missing"):
        text.load_meld(tmp_path, "train")


def test_goemotions_shares_several_labels(tmp_path):
    folder = tmp_path / "goemotions_ekman"
    folder.mkdir()
    # The corpus' own order is not ours: labels.txt tells it.
    (folder / "labels.txt").write_text("\n".join(reversed(EMOTIONS)), encoding="utf-8")
    (folder / "train.tsv").write_text("so good\t3\ta1\nwell\t0,6\ta2\n", encoding="utf-8")
    lines = text.load_goemotions(tmp_path, "train")
    assert lines.emotions[0, EMOTIONS.index("joy")] == 1
    assert lines.emotions[1].tolist() == [0.5, 0, 0, 0, 0, 0, 0.5]
    for content, told in (
        (b"so good\t3\ta1\nbroken line\n", "line 2: 'broken line'"),
        (b"so good\t-1\ta1\n", "line 1: "),
        (b"so good\t7\ta1\n", "line 1: "),
        (b"", "line 1: ''"),
        (b"so g\xf6\xf6d\t3\ta1\n", "save it as UTF-8"),
    ):
        (folder / "train.tsv").write_bytes(content)
        with pytest.raises(InputError, match=told):
            text.load_goemotions(tmp_path, "train")


def test_dialogues_are_split_whole_and_always_alike(tmp_path):
    meld(tmp_path, rows=[(i, "x", "A", "joy", "positive", i // 4, i % 4) for i in range(80)])
    lines = text.load_meld(tmp_path, "train")
    rest, held_out = text.split_dialogues(lines, 0.25, seed=7)
    assert len(held_out) == 20
    assert len(rest) + len(held_out) == 80
    assert not set(rest.dialogues) & set(held_out.dialogues)
    again = text.split_dialogues(lines, 0.25, seed=7)[1]
    assert again.dialogues.tolist() == held_out.dialogues.tolist()


def write_sound(path, rate=16_000, seconds=0.5, layout="mono"):
    """A tone of 440 Hz at half scale, as FLAC."""
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=rate, layout=layout)
        wave = (16384 * np.sin(np.arange(int(rate * seconds)) * 2 * np.pi * 440 / rate)).astype(np.int16)
        channels = 1 if layout == "mono" else 2
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels)[None], format="s16", layout=layout)
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def speech_folder(folder, speakers=("ravdess-01", "ravdess-02", "tess-a", "tess-b")):
    rows = ["path,emotion,speaker,original_label,text_id"]
    for speaker in speakers:
        for emotion in ("joy", "anger"):
            name = f"{speaker}_{emotion}.flac"
            write_sound(folder / name)
            rows.append(f"{name},{emotion},{speaker},,t")
    (folder / "speech.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def test_speech_is_split_by_speaker(tmp_path):
    speech_folder(tmp_path)
    found = speech.load_speech(tmp_path)
    assert len(found) == 8
    assert set(found.corpora) == {"ravdess", "tess"}
    rest, held_out = speech.split_speakers(found, ("tess-a",))
    assert set(held_out.speakers) == {"tess-a"}
    assert not set(rest.speakers) & set(held_out.speakers)
    fold = speech.speaker_folds(found, 2, seed=1)
    for speaker in set(found.speakers):
        assert len({f for f, s in zip(fold, found.speakers, strict=True) if s == speaker}) == 1
    for k in (0, 1):
        assert {c for f, c in zip(fold, found.corpora, strict=True) if f == k} == {"ravdess", "tess"}


def test_speech_names_what_is_wrong(tmp_path):
    speech_folder(tmp_path)
    table = (tmp_path / "speech.csv").read_text()
    (tmp_path / "speech.csv").write_text(table.replace("tess-b_joy", "gone"), encoding="utf-8")
    with pytest.raises(InputError, match=r"gone\.flac"):
        speech.load_speech(tmp_path)


def test_fer2013_and_its_copies(tmp_path):
    (tmp_path / "fer2013").mkdir()
    images = np.random.default_rng(1).integers(0, 256, (10, 48, 48), dtype=np.uint8)
    labels = np.arange(10, dtype=np.uint8) % 7
    np.savez(tmp_path / "fer2013" / "train.npz", images=images, labels=labels)
    np.savez(tmp_path / "fer2013" / "validation.npz", images=images[[2, 5]], labels=labels[[2, 5]])
    train, validation = (faces.load_fer2013(tmp_path, part) for part in ("train", "validation"))
    kept = faces.without_copies(train, validation)
    assert kept.labels.tolist() == [0, 1, 3, 4, 6, 0, 1, 2]
    np.savez(tmp_path / "fer2013" / "train.npz", images=images, labels=labels + 1)
    with pytest.raises(InputError, match="from 0 to 6"):
        faces.load_fer2013(tmp_path, "train")


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_faces_that_are_no_npz_are_told_so(tmp_path, content):
    path = tmp_path / "faces.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"faces\.npz cannot be read as npz") as error:
        faces.read_faces(path)
    assert "pickle" not in str(error.value)


class BrightestSquare:
    """Finds what is white."""

    name = "test"

    def detect(self, image):
        rows, columns = np.where((image > 250).all(axis=2))
        if not len(rows):
            return []
        box = Box(columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
        return [Detection(box, 0.9)]


def test_caer_s_gives_faces_and_hides_them(tmp_path):
    for name, face in (("Happy", True), ("Sad", False)):
        folder = tmp_path / "CAER-S" / "train" / name
        folder.mkdir(parents=True)
        image = np.full((224, 300, 3), 90, np.uint8)
        if face:
            image[40:140, 100:180] = 255
        cv2.imwrite(str(folder / "0001.png"), image)
    folder = scenes.find_caer_s(tmp_path)
    assert scenes.find_caer_s(folder) == folder == tmp_path / "CAER-S"  # the corpus itself is as good
    found, skipped = scenes.load_caer_s(folder, "train", BrightestSquare(), progress=False)
    assert skipped == 1
    assert found.labels.tolist() == [EMOTIONS.index("joy")]
    assert found.faces[0, 48, 48].tolist() == [255, 255, 255]
    assert found.contexts[0, 45, 70].tolist() == [0, 0, 0]
    assert found.contexts[0, 5, 5].tolist() == [90, 90, 90]
    (tmp_path / "CAER-S" / "train" / "Bored").mkdir()
    with pytest.raises(InputError, match="Bored"):
        scenes.list_caer_s(folder, "train")


def write_video(path, frames=25, sound=True):
    """Frames that grow lighter, and a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        audio = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for i in range(frames):
            image = np.full((96, 160, 3), 10 * i, np.uint8)
            for packet in video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")):
                container.mux(packet)
        for packet in video.encode(None):
            container.mux(packet)
        if audio is not None:
            wave = (8000 * np.sin(np.arange(16_000) * 0.2)).astype(np.float32) / 32768
            for start in range(0, 16_000 - 1023, 1024):
                frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 16_000, start
                for packet in audio.encode(frame):
                    container.mux(packet)
            for packet in audio.encode(None):
                container.mux(packet)


def test_meld_clips_are_aligned_with_their_lines(tmp_path):
    meld(tmp_path)
    (tmp_path / "meld" / "train_splits").mkdir()
    write_video(tmp_path / "meld" / "train_splits" / "dia0_utt0.mp4")
    found, missing = clips.load_clips(tmp_path, "train", progress=False)
    assert missing == 2
    assert found.frames.shape == (1, 10, 84, 150, 3)
    assert (np.diff(found.frames[0].mean(axis=(1, 2, 3))) > 10).all()
    assert found.texts == ("I'm so glad!",)
    assert EMOTIONS[found.emotions[0]] == "joy"
    assert 5 <= (found.features[0] != 0).any(axis=1).sum() <= 10
    itself, _ = clips.load_clips(tmp_path / "meld", "train", progress=False)
    assert itself.texts == found.texts
    with pytest.raises(InputError, match=r"no dev clips of MELD: .* dev_splits_complete/dia.* --generated"):
        clips.load_clips(tmp_path, "dev")


def test_no_corpus_is_found_where_there_is_none(tmp_path):
    (tmp_path / "train" / "cats").mkdir(parents=True)  # a train folder alone makes no CAER-S
    for find in (scenes.find_caer_s, lambda data: clips.find_clips(data, "train")):
        with pytest.raises(InputError, match="holds no"):
            find(tmp_path)


def test_corpora_too_small_to_learn_from_are_told_before_training(tmp_path):
    training = pytest.importorskip("mer_ros.training.text", reason="torch is not installed")
    rows = [(n, f"Line {n}.", "Ann", "joy", "positive", n, 0) for n in range(4)]
    for part in ("train", "dev"):
        meld(tmp_path, part, rows)
    train, dev = training.load_talks(tmp_path)
    assert len(train) == len(dev) == 4
    meld(tmp_path, "dev", rows[:3])
    with pytest.raises(InputError, match=r"dev_sent_emo\.csv holds 3 dialogues; 4 are needed"):
        training.load_talks(tmp_path)
    (tmp_path / "meld" / "train_sent_emo.csv").write_text("Utterance,Emotion\nHi,joy\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"train_sent_emo\.csv has no column Sentiment"):
        training.load_talks(tmp_path)


def test_an_emotion_that_nothing_is_labelled_with_is_named():
    check_each_emotion(np.arange(7), "face to learn from")
    with pytest.raises(InputError, match="no face to learn from is labelled disgust or surprise; add some"):
        check_each_emotion(np.array([0, 2, 3, 4, 5]), "face to learn from")
