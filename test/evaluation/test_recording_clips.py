"""Clips of a dialogue as one recording, and MELD's folders of them."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
from clip_files import tone, write_clip

from mer_ros.errors import InputError
from mer_ros.evaluation.recordings.clips import NS, ClipChain, lay_out
from mer_ros.evaluation.recordings.meld import find_clips, read_part
from mer_ros.evaluation.recordings.times import Time
from mer_ros.utterance import SAMPLE_RATE, AudioChunk, Frame

GREY = [np.full((48, 64, 3), 8 * i, np.uint8) for i in range(12)]  # 0.8 s


@pytest.fixture
def clips(tmp_path):
    """Of 0.6 s and 0.95 s; in the first the pictures go on after the sound."""
    return [
        write_clip(tmp_path / "a.mkv", tone(0.6), GREY),
        write_clip(tmp_path / "b.mkv", tone(0.95), GREY),
    ]


def parts(chain, **options):
    events = list(chain.events(5 * NS, **options))
    return events, [e for e in events if isinstance(e, Frame)], [e for e in events if isinstance(e, AudioChunk)]


def test_one_after_another_with_silence_between(clips):
    one, two = lay_out(clips)
    assert (one.start_ns, one.duration_ns, two.start_ns) == (0, 800_000_000, 1_800_000_000)
    assert two.duration_ns == pytest.approx(0.95 * NS, abs=NS // 1000)
    chain = pickle.loads(pickle.dumps(ClipChain("dia0", [one, two])))  # it goes to a process of its own
    assert (chain.has_audio, chain.has_video, chain.size, chain.duration_ns) == (True, True, (64, 48), two.end_ns)
    events, frames, chunks = parts(chain)
    start_ns = 5 * NS + chain.zero_ns
    assert [f.stamp_ns for f in frames] == pytest.approx(
        [start_ns + at + i * NS // 15 for at in (0, two.start_ns) for i in range(12)], abs=NS // 1000
    )
    # The sound has no gap but for the rounding of a sample, and is that of the clips at their places.
    ends = [c.stamp_ns + len(c.samples) * NS // SAMPLE_RATE for c in chunks]
    assert max(abs(c.stamp_ns - end) for c, end in zip(chunks[1:], ends, strict=False)) <= NS // SAMPLE_RATE
    sound = np.concatenate([c.samples for c in chunks])[:, 0]
    assert chunks[0].stamp_ns == start_ns
    assert ends[-1] == pytest.approx(start_ns + two.end_ns + NS, abs=NS // 1000)
    at = round(1.8 * SAMPLE_RATE)
    assert np.array_equal(sound[: len(tone(0.6))], tone(0.6))
    assert not sound[len(tone(0.6)) : at].any()
    assert np.array_equal(sound[at : at + len(tone(0.95))], tone(0.95))
    assert not sound[at + len(tone(0.95)) :].any()
    late = max(a.stamp_ns - b.stamp_ns for a, b in pairwise(events))
    assert late <= 2 * 20_000_000  # silence beside pictures comes up to two chunks after them


@pytest.mark.parametrize("chunk_ms", [7, 100, 2000])
def test_the_same_sound_whatever_the_chunk(clips, chunk_ms):
    chain = ClipChain("dia0", lay_out(clips))
    whole, other = (np.concatenate([c.samples for c in parts(chain, chunk_ms=ms)[2]]) for ms in (20, chunk_ms))
    assert np.array_equal(whole, other)


def test_broken_clips_take_no_time(clips, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"\0" * 500)
    places = lay_out([clips[0], tmp_path / "bad.mp4", clips[1]])
    assert isinstance(places[1], InputError)
    assert places[2].start_ns == 1_800_000_000
    with pytest.raises(InputError, match="no clip"):
        ClipChain("dia0", [])


def test_a_clip_that_breaks_later_is_counted(clips):
    chain = ClipChain("dia0", lay_out(clips))
    content = clips[1].read_bytes()
    clips[1].write_bytes(content[:700])
    frames = parts(chain)[1]
    assert len(frames) == 12
    assert chain.counts["broken_clips"] == 1


def test_a_clip_without_its_end_is_not_whole(clips):
    clips[0].write_bytes(write_clip(clips[0], tone(0.1), GREY * 10).read_bytes()[:6000])
    chain = ClipChain("dia0", lay_out(clips))
    assert chain.is_whole
    assert 12 < len(parts(chain)[1]) < 132
    assert not chain.is_whole
    assert any(f"s of {clips[0].name} are missing" in warning for warning in chain.warnings)


HEAD = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,StartTime,EndTime"


def meld(tmp_path, rows, files):
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in files:
        write_clip(folder / name, tone(0.3))
    path = tmp_path / "dev.csv"
    path.write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    return folder, path


def test_a_part_of_meld(tmp_path):
    rows = [
        '1,"No, no.",Ann,anger,negative,1,1,,',
        "2,Hello.,Bob,neutral,neutral,0,0,,",
        "3,Oh!,Ann,surprise,positive,1,0,,",
        "4,Gone.,Ann,sadness,negative,2,0,,",
        "5,Bad.,Ann,fear,negative,1,2,,",
    ]
    folder, path = meld(
        tmp_path,
        rows,
        [
            "dia1_utt1.mkv",
            "final_videos_testdia1_utt0.mkv",
            "dia0_utt0.mkv",
            "final_videos_testdia0_utt0.mkv",
            "dia9_utt0.mkv",
        ],
    )
    (folder / "dia1_utt2.mp4").write_bytes(b"\0" * 100)
    (folder / "._dia2_utt0.mp4").write_bytes(b"\0" * 100)
    part = read_part(folder, path)
    assert [(d.name, [c.path.name for c in d.clips]) for d in part.dialogues] == [
        ("dia0", ["dia0_utt0.mkv"]),
        ("dia1", ["final_videos_testdia1_utt0.mkv", "dia1_utt1.mkv"]),
    ]
    labels = part.dialogues[1].labels
    assert [(p.label.emotion, p.label.sentiment, p.label.speaker, p.label.line) for p in labels] == [
        ("surprise", "positive", "Ann", 4),
        ("anger", "negative", "Ann", 2),
    ]
    assert [(p.span.start_ns, p.span.end_ns) for p in labels] == [(0, 300_000_000), (1_300_000_000, 1_600_000_000)]
    assert part.counts == {"clips_missing": 1, "clips_broken": 1, "clips_unlabelled": 1}
    assert "dia1_utt2.mp4" in part.broken[0]
    assert labels[0].label.start == Time(0)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["1,Hi,Ann,joy,positive,x,0,,"], "line 2: Dialogue_ID is 'x' and Utterance_ID '0'; both must be whole"),
        (["1,Hi,Ann,joy,positive,0,0,,", "2,Hi,Ann,joy,positive,0,0,,"], "line 3: dia0_utt0 is in line 2 already"),
        (["1,Hi,Ann,bliss,positive,0,0,,"], "line 2: the emotion 'bliss' is not known"),
        (["1,Hi,Ann,joy,good,0,0,,"], "line 2: the sentiment 'good' is not known"),
        (["1,Hi,Ann,joy,positive,7,0,,"], "holds none of the 1 clips"),
        ([], "has no rows"),
    ],
)
def test_lines_that_are_refused(tmp_path, rows, said):
    with pytest.raises(InputError) as error:
        read_part(*meld(tmp_path, rows, ["dia0_utt0.mkv"]))
    assert said in str(error.value)


def test_folders_that_are_refused(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        find_clips(tmp_path / "nothing")
    with pytest.raises(InputError, match="no clip named as MELD's"):
        find_clips(tmp_path)
    folder, path = meld(tmp_path, ["1,Hi,Ann,joy,positive,0,0,,"], [])
    (folder / "dia0_utt0.mp4").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match=r"none of the 1 clips in .* can be played"):
        read_part(folder, path)
    (tmp_path / "other.csv").write_text("Emotion\njoy\n")
    with pytest.raises(InputError, match="has no column Dialogue_ID"):
        read_part(folder, tmp_path / "other.csv")
