"""Runs made by hand for the tests of reports: folders as `mer replay` and `mer evaluate` leave them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from mer_ros.emotion import EMOTIONS, SENTIMENTS
from mer_ros.evaluation.scores import as_mapping, score
from mer_ros.replay.records import line

LINES = (
    "It was the best of times, it was the worst of times.",
    "Ever tried, ever failed.",
    "You did what? And nobody told me?",
    "I am so sorry, I did not know that it mattered so much to you.",
    "No matter, try again.",
    "Oh!",
    "",
)
STAGES = {"face": 34.0, "audio": 12.0, "text": 7.0, "speech_to_text": 110.0, "waiting": 60.0, "fusion": 1.2}


def shares(random: np.random.Generator, favourite: int, strength: float = 3.0) -> dict[str, float]:
    values = np.exp(random.normal(0, 0.8, 7) + strength * (np.arange(7) == favourite))
    return {name: round(float(v), 6) for name, v in zip(EMOTIONS, values / values.sum(), strict=True)}


def records(n: int, recording: str = "talk.mp4", people: int = 2, audio: bool = True, video: bool = True) -> list[dict]:
    random = np.random.default_rng(4)
    found, now = [], 1.0
    for i in range(n):
        length = float(random.uniform(0.8, 4.2))
        favourite = int(random.integers(7))
        fused = shares(random, favourite)
        emotion = max(fused, key=fused.__getitem__)
        face = i % people + 1 if video else 0
        weights = random.dirichlet((4, 4, 2)).round(6)
        says = {}
        for name, weight in zip(("face", "audio", "text"), weights.tolist(), strict=True):
            there = {"face": video, "audio": audio, "text": bool(LINES[i % len(LINES)])}[name]
            says[name] = {
                "available": there,
                "reason": "" if there else {"face": "no face in view", "text": "no words"}.get(name, "no sound"),
                "probabilities": shares(random, favourite if random.random() < 0.6 else int(random.integers(7)), 2.0)
                if there
                else None,
                "quality": 0.8,
                "weight": weight if there else 0.0,
                "model": f"{name}-model" if there else "",
            }
        found.append(
            {
                "recording": recording,
                "utterance": i + 1,
                "dialogue": "1",
                "turn": i + 1,
                "start_ns": int((now + 1) * 1e9),
                "end_ns": int((now + 1 + length) * 1e9),
                "start_s": round(now, 6),
                "end_s": round(now + length, 6),
                "person": "",
                "face": face,
                "voice": "",
                "emotion": emotion,
                "confidence": fused[emotion],
                "probabilities": fused,
                "sentiment": SENTIMENTS[i % 3],
                "sentiment_probabilities": dict(zip(SENTIMENTS, (0.2, 0.5, 0.3), strict=True)),
                "valence": 0.31,
                "arousal": None,
                "transcript": LINES[i % len(LINES)],
                "modalities": says,
                "previous_emotion": "",
                "shifted": False,
            }
        )
        now += length + float(random.uniform(0.3, 1.8))
    return found


def scores_of(spoken: list[dict], right: float = 0.7) -> dict:
    random = np.random.default_rng(5)
    told = np.array([[r["probabilities"][name] for name in EMOTIONS] for r in spoken])
    told /= told.sum(axis=1, keepdims=True)
    labels = np.where(random.random(len(told)) < right, told.argmax(axis=1), random.integers(0, 7, len(told)))
    found = as_mapping(score(labels, told))
    found["matches"] = [
        {
            "recording": r["recording"],
            "utterance": r["utterance"],
            "label": EMOTIONS[k],
            "start_s": r["start_s"],
            "end_s": r["end_s"],
            "speaker": f"face-{r['face']}",
            "overlap_s": r["end_s"] - r["start_s"],
        }
        for r, k in zip(spoken, labels, strict=True)
    ]
    part = {"n": len(told), "accuracy": found["accuracy"], "weighted_f1": found["weighted_f1"], "uar": found["uar"]}
    confidence, correct = told.max(axis=1), told.argmax(axis=1) == labels
    bins = []
    for i in range(10):
        inside = (confidence > i / 10) & (confidence <= (i + 1) / 10)
        mean = (float(confidence[inside].mean()), float(correct[inside].mean())) if inside.any() else (None, None)
        bins.append(
            {"low": i / 10, "high": (i + 1) / 10, "n": int(inside.sum()), "confidence": mean[0], "accuracy": mean[1]}
        )
    return found | {
        "kind": "bag",
        "labels": "labels.csv",
        "recordings": sorted({r["recording"] for r in spoken}),
        "misses": 1,
        "extras": 2,
        "split": 0,
        "merged": 1,
        "intervals": {
            k: [max(0.0, found[k] - 0.1), min(1.0, found[k] + 0.1)] for k in ("weighted_f1", "accuracy", "uar")
        },
        "intervals_by": "utterance",
        "calibration": bins,
        "by_modality": {"face": part, "audio": part, "text": part},
        "by_available": {"face+audio+text": part, "face+audio": part},
        "by_speaker": {"face-1": part, "face-2": part},
        "by_length": {"0-1 s": part, "1-2 s": part, "2-4 s": part},
    }


def make_run(
    folder: Path, n: int = 24, *, scores: bool = False, timings: bool = True, spoken: list[dict] | None = None, **how
) -> list[dict]:
    """Write a run's folder; return its emotions."""
    folder.mkdir(parents=True, exist_ok=True)
    spoken = records(n, **how) if spoken is None else spoken
    (folder / "emotions.jsonl").write_text("".join(map(line, spoken)), encoding="utf-8")
    if timings:
        random = np.random.default_rng(6)
        content = [
            {
                "recording": r["recording"],
                "utterance": r["utterance"],
                "latency_ms": {k: round(v * float(random.lognormal(0, 0.3)), 3) for k, v in STAGES.items()},
            }
            for r in spoken
        ]
        (folder / "timings.jsonl").write_text("".join(map(line, content)))
    summary = {
        "recordings": list(dict.fromkeys(r["recording"] for r in spoken)),
        "duration_s": max((r["end_s"] for r in spoken), default=3.0) + 1.5,
        "counts": {"listener": {"utterances": len(spoken), "filled": 2}},
        "warnings": ["the topic /image starts 1.2 s late"],
        "settings": {"microphone": {"vad": "webrtc"}, "camera": {"detector": "centerface"}},
        "models": [{"name": "face-caer", "task": "face", "sha256": "ab" * 32}],
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "run.json").write_text(json.dumps({"date": "2026-11-22T20:00:00Z", "speed": 12.5, "python": "3.11.9"}))
    if scores:
        (folder / "scores.json").write_text(json.dumps(scores_of(spoken)))
    return spoken
