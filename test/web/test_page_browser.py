"""The live page in a browser: what is seen as it comes. Left out where there is no Chromium."""

from __future__ import annotations

import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
from chromium import CHROMIUM, WAIT_MS
from test_page_feed import estimate

from mer_ros.emotion import EMOTIONS
from mer_ros.web.feed import Feed
from mer_ros.web.server import MOST_PAGES, PageServer

XSS = "</span><script>document.title = 'caught'</script><img src=x onerror=\"document.title = 'caught'\">"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install chromium to test the page in it")


def wait(page, holds: str) -> None:
    """Wait until an expression holds. (playwright's own wait evaluates in the page, which its policy forbids.)"""
    end = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(holds):
        assert time.monotonic() < end, holds
        page.wait_for_timeout(50)


@pytest.fixture
def feed():
    return Feed("talk.mp4")


@pytest.fixture
def server(feed):
    with PageServer(feed) as running:
        yield running


@pytest.fixture
def visit(browser, server):
    """Opens the page; at the end there must have been no complaint and no request to anybody else."""
    seen: list[tuple] = []

    def go(width=1200, **how):
        page = browser.new_page(viewport={"width": width, "height": 900}, **how)
        page.set_default_timeout(WAIT_MS)
        complaints: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(server.address)
        wait(page, "document.title.endsWith(': emotions')")
        seen.append((page, complaints, requests))
        return page

    yield go
    for page, complaints, requests in seen:
        page.close()
        assert complaints == []
        assert requests
        assert all(url.startswith(server.address) for url in requests)


def jpeg(colour: tuple[int, int, int]) -> bytes:
    """A picture of one colour, blue, green and red."""
    return cv2.imencode(".jpg", np.full((48, 64, 3), colour, np.uint8))[1].tobytes()


def fill(feed: Feed) -> None:
    """Something of everything."""
    for number in range(1, 8):
        feed.utterance(estimate(number, emotion=EMOTIONS[number - 1], face_id=number % 2 + 1), 0.6)
    feed.live(estimate(8, is_final=False, face_id=1, transcript="so far"))
    feed.live(estimate(0, is_final=False, face_id=2, transcript=""))
    feed.nodes(
        [
            {"name": name, "level": level, "message": "what it says"}
            for name, level in (("camera", "ok"), ("fusion", "warn"), ("microphone", "error"), ("stt", "silent"))
        ]
    )
    feed.image(jpeg((0, 0, 255)))
    feed.tell(status="", speaking=True, heard=8)


@pytest.mark.parametrize("width", [360, 820, 1400])
@pytest.mark.parametrize("full", [False, True])
def test_it_loads_in_silence_and_never_scrolls_sideways(visit, feed, width, full):
    if full:
        fill(feed)
    page = visit(width)
    assert page.inner_text("h1") == "talk.mp4"
    if full:
        page.wait_for_selector("#said > li:nth-child(7)")
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    else:
        assert page.inner_text("#silence") == "Nobody has spoken yet."
        assert page.inner_text("#blind") == "No picture yet"
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_is_said_appears_with_all_that_is_known_of_it(visit, feed):
    page = visit()
    feed.utterance(estimate(1), 0.62)
    page.wait_for_selector("#said > li")
    line = page.inner_text("#said summary")
    for part in ("0:00", "face-2", "joy 62%", "0.62 s after the end", "No matter, try again."):
        assert part in line
    more = page.inner_text("#said .more")
    for part in (
        "3 s",
        "turn 1",
        "sentiment positive",
        "valence +0.41",
        "arousal −0.22",
        "before: neutral",
        "face 21 ms",
    ):
        assert part in more
    cells = page.evaluate(
        "[...document.querySelectorAll('.grid tbody tr')].map(r => [...r.cells].map(c => c.innerText))"
    )
    assert cells[0][:8] == ["together", "2", "1", "3", "62", "20", "7", "5"]
    assert cells[1] == ["face", "2", "1", "3", "62", "20", "7", "5", "45%"]
    assert cells[2] == ["text", "no words were recognised"]
    wait(page, "document.getElementById('spoken').textContent.length > 0")
    assert page.inner_text("#spoken") == "face-2: joy 62%. No matter, try again."
    assert page.get_attribute("#spoken", "aria-live") == "polite"


def test_what_a_forgotten_person_said_is_taken_off_the_page(visit, feed):
    page = visit()
    for number, person in enumerate(("person-1", "person-2", "person-1"), 1):
        feed.utterance(estimate(number, person_id=person), 0.62)
    page.wait_for_selector("#said > li:nth-child(3)")
    feed.forget("person-1")
    wait(page, "document.querySelectorAll('#said > li').length === 1")
    assert "person-2" in page.inner_text("#said summary")
    assert page.evaluate("document.getElementById('course').children.length") == 1
    assert page.inner_text("#spoken") == ""
    feed.forget("")
    wait(page, "document.querySelectorAll('#said > li').length === 0")
    assert page.evaluate("document.getElementById('course').hidden")
    assert page.inner_text("#silence")
    page.reload()
    feed.utterance(estimate(4, person_id="person-1"), 0.62, 1)
    page.wait_for_selector("#said > li")
    assert page.evaluate("document.querySelectorAll('#said > li').length") == 1


def test_the_newest_is_first_and_open_and_what_the_reader_opened_stays_so(visit, feed):
    page = visit()
    feed.utterance(estimate(1, transcript="one"), 0.6)
    feed.utterance(estimate(2, transcript="two"), 0.6)
    page.wait_for_selector("#said > li:nth-child(2)")
    opened = "[...document.querySelectorAll('#said details')].map(d => d.open)"
    assert page.evaluate(opened) == [True, False]
    page.locator("#said summary").nth(1).press("Enter")
    page.locator("#said summary").nth(0).press("Enter")
    feed.utterance(estimate(3, transcript="three"), 0.6)
    page.wait_for_selector("#said > li:nth-child(3)")
    assert page.evaluate(opened) == [True, False, True]
    assert page.locator("#said .words").all_inner_texts() == ["three", "two", "one"]
    feed.tell(status="", speaking=False, heard=5)
    wait(page, "document.getElementById('count').textContent == '3 of 5'")


def test_who_is_there_now_with_bars_that_move(visit, feed):
    page = visit()
    assert page.locator("#nobody").is_visible()
    feed.tell(status="", speaking=True, heard=0)
    feed.live(estimate(4, is_final=False, face_id=1, transcript="so far"))
    feed.live(estimate(0, is_final=False, face_id=2, transcript=""))
    page.wait_for_selector("#people > li:nth-child(2)")
    one, two = page.locator("#people > li").all_inner_texts()
    assert "speaks" in one
    assert "so far" in one
    assert "speaks" not in two
    widths = "[...document.querySelector('#people li').querySelectorAll('.track i')].map(i => i.style.width)"
    assert page.evaluate(widths)[3] == "62%"
    item = page.evaluate_handle("document.querySelector('#people li')")
    feed.live(estimate(0, is_final=False, person_id="p-0", face_id=3))  # who comes later has a place of their own
    wait(page, "document.querySelectorAll('#people b')[0].textContent == 'p-0'")
    feed.live(estimate(0, is_final=False, person_id="person-10"))
    wait(page, "document.querySelectorAll('#people > li').length == 4")
    assert page.locator("#people b").all_inner_texts() == ["p-0", "face-1", "face-2", "person-10"]
    changed = estimate(4, is_final=False, face_id=1, probabilities=np.array([0.9, 0, 0, 0.1, 0, 0, 0]), emotion="anger")
    feed.live(replace(changed, confidence=0.9))
    wait(page, "document.querySelectorAll('#people .chip')[1].textContent == 'anger 90%'")
    assert page.evaluate(widths.replace("('#people li')", "('#people li:nth-child(2)')"))[0] == "90%"
    assert page.evaluate("(item) => item.isConnected", item)  # a bar moves; it is not made anew
    assert page.evaluate("(item) => item.querySelector('.most').textContent", item) == "anger"


def test_the_picture_is_always_the_newest(visit, feed):
    page = visit()
    colour = """(() => {
        const image = document.getElementById('picture'), canvas = document.createElement('canvas');
        if (image.hidden || !image.complete) return '';
        canvas.getContext('2d').drawImage(image, 0, 0);
        const [red, green, blue] = canvas.getContext('2d').getImageData(5, 5, 1, 1).data;
        return red > 200 ? 'red' : blue > 200 ? 'blue' : green > 200 ? 'green' : '';
    })()"""
    feed.image(jpeg((0, 0, 255)))
    wait(page, f"{colour} == 'red'")
    assert page.locator("#blind").is_hidden()
    assert page.get_attribute("#picture", "alt")
    feed.image(b"broken")
    feed.image(jpeg((255, 0, 0)))
    wait(page, f"{colour} == 'blue'")
    feed.image(jpeg((0, 255, 0)))
    wait(page, f"{colour} == 'green'")


def test_nodes_tell_how_they_are_by_more_than_colour(visit, feed):
    page = visit()
    fill(feed)
    page.wait_for_selector("#nodes > li:nth-child(4)")
    assert page.locator("#nodes .mark").all_inner_texts() == ["✓", "!", "✕", "–"]
    labels = page.evaluate("[...document.querySelectorAll('#nodes .mark')].map(m => m.getAttribute('aria-label'))")
    assert labels == ["well", "warning", "error", "silent"]
    assert "what it says" in page.inner_text("#nodes")


def test_words_of_a_message_do_nothing(visit, feed):
    page = visit()
    feed.utterance(estimate(1, transcript=XSS, person_id=XSS, emotion=XSS, sentiment=XSS, latency_ms={XSS: 1.0}), 0.6)
    feed.live(estimate(2, is_final=False, person_id=XSS, emotion=XSS, transcript=XSS))
    feed.nodes([{"name": XSS, "level": XSS, "message": XSS}])
    feed.tell(status=XSS, speaking=True, heard=1)
    page.wait_for_selector("#said > li")
    page.wait_for_selector("#nodes > li")
    assert XSS in page.inner_text("#said")
    assert XSS in page.inner_text("#status")
    assert XSS in page.inner_text("#people .words")
    page.wait_for_timeout(300)
    assert page.title() == "talk.mp4: emotions"
    assert page.locator("img").count() == 1
    assert page.locator("script").count() == 1


def test_numbers_that_are_none_are_shown_as_such(visit, feed):
    page = visit()
    nan = float("nan")
    broken = estimate(
        1, probabilities=np.full(7, nan), confidence=nan, valence=nan, arousal=nan, latency_ms={"face": nan}
    )
    feed.utterance(broken, nan)
    feed.live(replace(broken, is_final=False))
    page.wait_for_selector("#said > li")
    page.wait_for_selector("#people > li")
    assert "joy –" in page.inner_text("#said summary")
    assert "NaN" not in page.inner_text("main")
    assert "null" not in page.inner_text("main")


def test_the_keyboard_reaches_and_opens_every_utterance(visit, feed):
    fill(feed)
    page = visit()
    page.wait_for_selector("#said > li:nth-child(7)")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    reached = []
    for _ in range(7):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.tagName"))
    assert reached == ["SUMMARY"] * 7
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open") is True


def test_the_end_is_told_and_everything_stays(visit, feed, server):
    page = visit()
    fill(feed)
    page.wait_for_selector("#said > li:nth-child(7)")
    page.wait_for_selector("#picture:not([hidden])")
    feed.end("camera cannot go on")
    server.close()
    wait(page, "document.getElementById('status').textContent.startsWith('The graph has ended')")
    assert page.inner_text("#status") == "The graph has ended: camera cannot go on"
    assert page.locator("#said > li").count() == 7
    assert page.locator("#picture").is_visible()
    assert "speaks" not in page.inner_text("#people")


def test_a_server_that_vanishes_is_told_and_looked_for(browser, feed):
    """Without the usual check: of a lost connection the browser itself complains."""
    server = PageServer(feed)
    page = browser.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(server.address)
    fill(feed)
    page.wait_for_selector("#said > li:nth-child(7)")
    feed.over = True  # so that it ends without a word
    server.close()
    wait(page, "document.getElementById('status').textContent.startsWith('There is no connection')")
    assert page.locator("#said > li").count() == 7
    page.close()


def test_of_too_many_pages_the_oldest_says_so(visit, feed):
    pages = [visit() for _ in range(MOST_PAGES + 1)]
    wait(pages[0], "document.getElementById('status').textContent.startsWith('Too many pages')")
    feed.tell(status="still here", speaking=False, heard=0)
    wait(pages[-1], "document.getElementById('status').textContent == 'still here'")


def test_light_and_dark_follow_the_readers_choice(visit):
    ground = "getComputedStyle(document.body).backgroundColor"
    assert visit(color_scheme="light").evaluate(ground) == "rgb(255, 255, 255)"
    assert visit(color_scheme="dark").evaluate(ground) == "rgb(21, 23, 27)"


def test_without_scripts_it_says_what_it_needs(browser, server):
    page = browser.new_page(java_script_enabled=False)
    page.goto(server.address)
    assert "needs JavaScript" in page.inner_text("body")
    page.close()
