#!/usr/bin/env python3
"""The picture of a report that the README shows: the top of the page, with one utterance opened.

mer replay sample --thumbnails --output runs/sample
python scripts/report_picture.py runs/sample/report.html doc/report.png
"""

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH, HEIGHT, SCALE = 1100, 1148, 1.5


def main() -> int:
    """Take the picture; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="report.html of a run")
    parser.add_argument("picture", type=Path, help="PNG file to write")
    parser.add_argument("--opened", type=int, default=2, help="number of the utterance on the page, from 0")
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("error: there is no chromium on this machine: install it", file=sys.stderr)
        return 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=SCALE)
        page.goto(given.page.resolve().as_uri())
        page.evaluate(f"document.getElementById('u{given.opened}').parentElement.open = true")
        page.screenshot(path=given.picture)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
