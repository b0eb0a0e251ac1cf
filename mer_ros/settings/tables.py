"""The parameters of the four nodes of the pipeline, which the replay takes as well, and of the humans node."""

from __future__ import annotations

from mer_ros.audio.gate import GateOptions
from mer_ros.audio.listener import ListenerOptions
from mer_ros.audio.segmenter_options import SegmenterOptions
from mer_ros.audio.stream import StreamOptions
from mer_ros.audio.vad import VAD_NAMES
from mer_ros.emotion import EMOTIONS
from mer_ros.fusion.dialogue import DialogueOptions
from mer_ros.fusion.events import EventOptions
from mer_ros.fusion.options import FusionOptions
from mer_ros.graph import DEVICES, FACES_FROM, RECOGNISERS
from mer_ros.messages.pcm import PCM_FORMATS
from mer_ros.settings.load import LoadOptions
from mer_ros.settings.parameter import Parameter, table_of
from mer_ros.speech.outside import OutsideOptions
from mer_ros.speech.recogniser import SpeechOptions
from mer_ros.standards.options import VOICES, HumansOptions
from mer_ros.vision.detector import DEFAULT_DETECTOR, DETECTORS
from mer_ros.vision.observer_options import ObserverOptions
from mer_ros.vision.overlay import OverlayOptions
from mer_ros.vision.people import PeopleOptions
from mer_ros.vision.told_faces import ToldOptions
from mer_ros.vision.tracker import TrackerOptions

_OBSERVER = {
    "window_frames": ("frames in a visual window at most", 1, 256),
    "sample_period_ms": ("least time between two frames that are cropped", 10, 10000),
    "buffer_s": ("how long crops are kept, hence the longest utterance that is covered whole", 1.0, 120.0),
    "interim_period_ms": ("time between interim windows; 0 for none", 0, 60000),
    "interim_span_ms": ("what an interim window covers at most", 100, 60000),
    "deadline_ms": ("how long after an utterance's end its window waits for a frame", 0, 60000),
    "max_rate_hz": ("frames beyond this rate are dropped; 0 for no limit", 0.0, 1000.0),
    "jump_ms": ("stamps further apart than this are taken for a jump of the clock", 100, 600000),
    "frozen_ms": (
        "the same picture is not looked at any more when it has come for so long; 0: it always is, "
        "for compressed video of still scenes, or a simulated camera",
        0,
        60000,
    ),
    "margin": ("side of the face crop over the size of the face's box", 0.5, 3.0),
    "upright_deg": ("heads tilted by more than this are turned upright", 0.0, 180.0),
    "out_of_view": ("an utterance gets no face when its speaker is unseen with this probability; 1: never", 0.0, 1.0),
}
_TOLD = {
    "tolerance_ms": ("faces from humans and a frame belong together when their stamps differ by so much", 0.0, 5000.0),
    "hold_ms": ("a frame waits so long for them", 0.0, 400.0),
    "max_faces": ("of them at most", 1, 100),
}
_TOLD_FACES = (
    Parameter(
        "faces_from",
        FACES_FROM[0],
        "who finds the faces: the detector, or another node that tells of them below /humans (not in a replay)",
        choices=FACES_FROM,
    ),
    *table_of("told", ToldOptions(), _TOLD),
)
_TRACKER = {
    "detect_period_ms": ("the detector runs on frames at least this far apart", 0, 60000),
    "steady_period_ms": ("while nothing changes it runs only so often; at most detect_period_ms: as that", 0, 60000),
    "coast_ms": ("a face that the detector no longer finds is followed for so long", 0, 60000),
    "lost_after_ms": ("a face unseen for so long is forgotten", 0, 60000),
    "max_tracks": ("faces that are followed at most", 1, 100),
}
_OVERLAY = {
    "max_rate_hz": ("image_annotated is drawn at most so often, and only while somebody subscribes to it", 0.1, 120.0),
    "keep_s": ("what was told of a person, and the last words, stay on it for so long", 0.5, 60.0),
    "jpeg_quality": ("of image_annotated/compressed", 1, 100),
}
_PEOPLE = {
    "enabled": ("tell persons apart by their faces, in memory only; else each face is followed while it is in view",),
    "same": ("encodings of faces nearer than this are one person's", 0.1, 1.5),
    "other": ("encodings at least so far apart are two persons'; in between nothing is said", 0.1, 1.5),
    "forget_s": ("a person unseen for so long is forgotten", 1.0, 1e6),
    "max_people": ("persons remembered at most", 1, 1000),
    "check_ms": ("how often it is made sure that a known face still is that person's", 0, 600000),
    "least_px": ("smaller faces are not asked for who they are", 8, 1000),
}
_STREAM = {
    "jitter_ms": ("stamps this far or less from where counting samples says are trusted to be jitter", 1.0, 1000.0),
    "fill_ms": ("longer gaps up to this are filled with silence; beyond, the utterance ends", 1.0, 10000.0),
    "drift_time_s": ("time constant with which the clock follows the stamps", 0.1, 3600.0),
    "longest_chunk_s": ("a longer chunk is refused", 0.1, 600.0),
    "frozen_ms": ("the same chunk again and again for so long is silence from then on; 0: never", 0.0, 60000.0),
}
_SEGMENTER = {
    "speech_probability": ("a frame with this probability begins speech", 0.01, 1.0),
    "keep_probability": ("once somebody speaks, a frame with this probability still is speech", 0.01, 1.0),
    "onset_window_ms": (
        "an utterance begins when onset_speech_ms of the last onset_window_ms are speech",
        10.0,
        2000.0,
    ),
    "onset_speech_ms": ("see onset_window_ms", 10.0, 2000.0),
    "pre_roll_ms": ("an utterance begins this much before its first speech", 0.0, 2000.0),
    "hang_over_ms": ("an utterance ends when nobody has spoken for so long", 100.0, 5000.0),
    "hang_over_share": ("share of the hang-over that may be speech all the same", 0.0, 0.49),
    "tail_ms": ("an utterance ends this much after its last speech", 0.0, 2000.0),
    "shortest_ms": ("with less speech than this it is dropped", 0.0, 5000.0),
    "longest_ms": ("it is cut here at the latest, at a quiet moment", 1000.0, 60000.0),
    "cut_search_ms": ("how far back such a quiet moment is looked for", 200.0, 30000.0),
    "update_ms": ("how often a growing utterance is published", 20.0, 10000.0),
}
_GATE = {
    "enabled": ("sound is no utterance while the robot itself speaks, which the topic robot_speaking tells",),
    "hold_off_ms": ("nor for so long after it has spoken", 0.0, 10000.0),
    "longest_s": ("it is taken to have ended when robot_speaking tells nothing for so long", 0.1, 86400.0),
}
_PRIOR = f"how frequent each emotion is where the robot is used: {', '.join(EMOTIONS)}"
_TRUST = "factors on the trust in face, audio and text that was fitted; 0 silences one"
_FUSION = {
    "deadline_ms": ("an utterance is published without what has not come so long after its end came", 50.0, 60000.0),
    "independence": ("how much agreeing modalities add to each other's certainty; -1: as fitted", -1.0, 1.0),
    "abstain": ("an emotion less probable than this is published as unknown; 0: never", 0.0, 1.0),
    "early": ("let the early-fusion network decide when all three modalities are there",),
    "live_period_ms": ("time between interim emotions of a person in view or speaking", 20.0, 60000.0),
    "live_horizon_ms": ("how old may be what an interim emotion uses; who is gone so long gets none", 50.0, 60000.0),
    "live_smoothing_ms": ("what is seen of a face is averaged with this time constant", 1.0, 60000.0),
    "live_lead": ("a quarter of live_hold_ms is enough for a label that leads by so much", 0.0, 1.0),
    "live_hold_ms": ("an interim label takes over when it has been the most probable one for so long", 0.0, 60000.0),
    "live_people": ("persons who get interim emotions at most", 1, 1000),
}
_EVENTS = {
    "arrive_after_ms": ("who is not known has come when there for so long, or after an utterance", 0.0, 60000.0),
    "hold_ms": ("interim emotions that agree for so long are a change; a final one is at once", 0.0, 60000.0),
    "forget_after_s": ("who is neither seen nor heard for so long has left", 0.1, 86400.0),
    "max_people": ("persons who are known at most; who was unseen longest then has left", 1, 1000),
}
_DIALOGUE = {
    "silence_s": ("a silence of this length ends the dialogue", 1.0, 86400.0),
    "context_turns": ("turns published with every emotion", 0, 64),
    "remembered_turns": ("turns kept at most", 1, 1000),
}

_HUMANS = {
    "face_ms": ("a face without a visual window for so long is no longer tracked", 100.0, 60000.0),
    "voice_ms": ("a voice that is silent for so long is no longer tracked", 100.0, 600000.0),
    "max_tracked": ("faces, voices and persons that are tracked at most, of each", 1, 100),
}

_LOAD = {
    "shed": ("leave out frames, then more, while the machine cannot keep up; the diagnostics tell what",),
    "share": ("of the time, that frames may take then", 0.05, 1.0),
    "late_ms": ("frames that come later than usual by so much are a sign of load", 50.0, 10000.0),
}
_EVERY_NODE = (
    Parameter(
        "hang_limit_s", 30.0, "a node that is busy with one message for so long is started again; 0: never", 0.0, 3600.0
    ),
    Parameter("autostart", False, "configure and activate itself when it is made; a node that is started again does"),
)

CAMERA: tuple[Parameter, ...] = (
    Parameter("compressed", False, "subscribe to image_raw/compressed in place of image_raw"),
    Parameter("reliability", "best_effort", "of the image subscription", choices=("best_effort", "reliable")),
    Parameter("detector", DEFAULT_DETECTOR, "face detector", choices=tuple(DETECTORS)),
    Parameter("detector_model", "", "the detector's model file; yunet needs one"),
    Parameter("detector_min_score", 0.0, "detections below are dropped; 0: the detector's own", 0.0, 0.99),
    Parameter("detector_width_px", 0, "wider frames are scaled down for it; 0: the detector's own", 0, 4096),
    *table_of("observer", ObserverOptions(), _OBSERVER),
    *_TOLD_FACES,
    *table_of("tracker", TrackerOptions(), _TRACKER),
    Parameter("models", "", "folder with the models' manifest, for telling faces apart; empty: this package's"),
    *table_of("people", PeopleOptions(), _PEOPLE),
    *table_of("overlay", OverlayOptions(), _OVERLAY),
    *table_of("load", LoadOptions(), _LOAD),
    *_EVERY_NODE,
)
MICROPHONE: tuple[Parameter, ...] = (
    Parameter(
        "audio_type",
        "mer_msgs/msg/AudioChunk",
        "type of the audio topic, for instance audio_common_msgs/msg/AudioData, AudioDataStamped or AudioStamped",
    ),
    Parameter("sample_rate", 16000, "Hz, of audio messages that do not say", 8000, 192000),
    Parameter("channels", 1, "of audio messages that do not say", 1, 64),
    Parameter("sample_format", "S16LE", "of audio messages that do not say", choices=tuple(PCM_FORMATS)),
    Parameter("vad", ListenerOptions().vad, "voice activity detector", choices=VAD_NAMES),
    Parameter("webrtc_aggressiveness", 2, "of the WebRTC detector: 3 takes least for speech", 0, 3),
    Parameter("silero_file", "", "Silero's ONNX file; empty: the one in the silero_vad package"),
    *table_of("stream", StreamOptions(), _STREAM),
    *table_of("segmenter", SegmenterOptions(), _SEGMENTER),
    *table_of("gate", GateOptions(), _GATE),
    *_EVERY_NODE,
)
SPEECH_TO_TEXT: tuple[Parameter, ...] = (
    Parameter("recogniser", SpeechOptions().backend, "where the words come from", choices=RECOGNISERS),
    Parameter("model", "", "model folder: vosk needs one; empty with moonshine: the model that it carries"),
    Parameter(
        "partial_period_ms",
        SpeechOptions().partial_period_ms,
        "partial words after each so much speech; 0 for none",
        0,
        60000,
    ),
    Parameter("hear_at_pauses", SpeechOptions().hear_at_pauses, "hear at each pause, so that the words are early"),
    Parameter("max_utterance_s", SpeechOptions().max_utterance_s, "longer utterances are cut", 1.0, 60.0),
    Parameter(
        "words_type",
        "std_msgs/msg/String",
        "type of the topic words: std_msgs/msg/String, hri_msgs/msg/LiveSpeech, whisper_msgs/msg/Transcription or "
        "mer_msgs/msg/Transcript",
    ),
    Parameter(
        "outside.max_delay_ms",
        OutsideOptions().max_delay_ms,
        "words from outside may come so long after the end of their utterance",
        0,
        60000,
    ),
    *_EVERY_NODE,
)
FUSION: tuple[Parameter, ...] = (
    Parameter("models", "", "folder with the models' manifest; empty: the models of this package"),
    Parameter("device", "auto", "where the models run", choices=DEVICES),
    Parameter("use_face", True, "use face and context"),
    Parameter("use_audio", True, "use the voice"),
    Parameter("use_text", True, "use the words"),
    Parameter("use_dialogue", True, "let what was said before count"),
    Parameter("face_model", "", "name of a face model; empty: the default one"),
    Parameter("speech_model", "", "name of a speech model; empty: the default one"),
    Parameter("text_model", "", "name of a text model; empty: the default one"),
    Parameter("live", True, "publish interim emotions on emotion/live, and events of them, not of final ones alone"),
    Parameter("classification", False, "publish emotions as vision_msgs/Classification too, on emotion/classification"),
    Parameter("fusion.target_prior", list(FusionOptions().target_prior), _PRIOR),
    Parameter("fusion.trust", list(FusionOptions().trust), _TRUST),
    *table_of("fusion", FusionOptions(), _FUSION),
    *table_of("dialogue", DialogueOptions(), _DIALOGUE),
    *table_of("events", EventOptions(), _EVENTS),
    *_EVERY_NODE,
)
HUMANS: tuple[Parameter, ...] = (
    Parameter("root", "/humans", "what all topics of REP-155 lie below"),
    Parameter(
        "persons", True, "publish persons as well; false where a person manager of ROS4HRI does, from the matches"
    ),
    Parameter("humans.voices", HumansOptions().voices, "a voice for each utterance, or one for all", choices=VOICES),
    *table_of("humans", HumansOptions(), _HUMANS),
    *_TOLD_FACES,
    *_EVERY_NODE,
)

TABLES = {"camera": CAMERA, "microphone": MICROPHONE, "speech_to_text": SPEECH_TO_TEXT, "fusion": FUSION}
