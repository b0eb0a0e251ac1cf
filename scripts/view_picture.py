#!/usr/bin/env python3
"""The picture of the live page that the README shows: `mer demo --view` when the fourth utterance has its emotion.

python scripts/view_picture.py doc/view.png
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from scipy.spatial import KDTree

from mer_ros.report import palette

WIDTH, HEIGHT, COLOURS = 1180, 760, 96
PATIENCE_S = 180
# Somebody speaks again, some words are there, two are in view, and nobody's emotion is just changing.
ENOUGH = """document.querySelectorAll('#people li').length == 2 &&
    [...document.querySelectorAll('#people .chip')].every((chip) => parseInt(chip.textContent.split(' ')[1]) > 40) &&
    [...document.querySelectorAll('#people .words')].some((words) => words.textContent.split(' ').length > 3)"""


def main() -> int:
    """Take the picture; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, help="PNG file to write")
    parser.add_argument("--said", type=int, default=4, help="utterances to wait for")
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("error: there is no chromium on this machine: install it", file=sys.stderr)
        return 2
    run = [sys.executable, "-m", "mer_ros.cli", "demo", "--view", "--no-browser", "--plain"]
    with (
        subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as demo,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(re.search(r"http://\S+/", demo.stdout.readline())[0])
        page.locator("#said > li").nth(given.said - 1).wait_for(timeout=PATIENCE_S * 1000)
        until = time.monotonic() + PATIENCE_S
        while not page.evaluate(ENOUGH) and time.monotonic() < until:
            page.wait_for_timeout(100)
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        demo.terminate()
        demo.communicate()
        browser.close()
    few_colours(shot).save(given.picture, optimize=True)
    return 0


def few_colours(shot: Image.Image) -> Image.Image:
    """The picture in a palette: those colours of the page that mean something, and as many as the photograph needs."""
    named = [colour for pair in palette.LIGHT.values() for colour in pair] + list(palette.LIGHT_PAGE.values())
    kept = [int(colour[i : i + 2], 16) for colour in named for i in (1, 3, 5)]
    kept += [part for colour in palette.channels(palette.DARK).values() for part in colour]  # the picture's
    common = shot.quantize(COLOURS).getpalette()[: 3 * COLOURS]
    table = (kept + common)[: 3 * 256]
    _, nearest = KDTree(np.reshape(table, (-1, 3))).query(np.asarray(shot))
    picture = Image.fromarray(nearest.astype(np.uint8), "P")
    picture.putpalette(table)
    return picture


if __name__ == "__main__":
    sys.exit(main())
