"""The ROS 2 package mer_ros, for colcon and pip alike."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "mer_ros"
ROOT = Path(__file__).resolve().parent
NODES = (
    "camera",
    "microphone",
    "speech_to_text",
    "fusion",
    "humans",
    "webcam",
    "audio_device",
    "file_player",
    "lifecycle_manager",
    "composed",
)
SHIPPED = ("launch", "config", "examples", "models", "models/pictures", "mer_msgs/msg")


def requirements(group: str) -> list[str]:
    """The lines of a requirement file, without comments."""
    lines = (line.split("#")[0].strip() for line in (ROOT / "requirements" / f"{group}.txt").read_text().splitlines())
    return [line for line in lines if line]


def shipped(folder: str) -> list[str]:
    """The files of a folder that belong to an installation."""
    return sorted(f"{folder}/{path.name}" for path in (ROOT / folder).glob("[!._]*") if path.is_file())


setup(
    name=NAME,
    version="0.1.0",
    description="Multimodal emotion recognition for ROS 2: face and scene, voice and words, and the dialogue",
    license="Apache-2.0",
    maintainer="mer_ros maintainers",
    maintainer_email="maintainers@mer-ros.invalid",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={
        f"{NAME}.report": ["page.css", "page.js"],
        f"{NAME}.web": ["page.html", "page.css", "page.js", "icon.svg"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        *((f"share/{NAME}/{folder}", shipped(folder)) for folder in SHIPPED),
    ],
    python_requires=">=3.10,<3.14",
    install_requires=requirements("run"),
    extras_require={group: requirements(group) for group in ("cluster", "demo", "dev", "train")} | {"vosk": ["vosk"]},
    zip_safe=True,
    entry_points={
        "console_scripts": [
            "mer = mer_ros.cli:main",
            *(f"{node} = mer_ros.nodes.start:{node}" for node in NODES),
        ],
    },
)
