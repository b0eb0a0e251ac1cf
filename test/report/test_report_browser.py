"""The pages in a browser: what is seen, and what keyboard and pointer do. Left out where there is no Chromium."""

from __future__ import annotations

import json

import pytest
from chromium import CHROMIUM, WAIT_MS
from made_runs import make_run

from mer_ros.emotion import EMOTIONS
from mer_ros.report.compare import write_comparison
from mer_ros.report.report import write_report

XSS = "</script><script>document.title = 'caught'</script><img src=x onerror=\"document.title = 'caught'\">"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install chromium to test the reports in it")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    spoken = make_run(folder / "talk", 24, scores=True)
    spoken[4]["transcript"] = XSS
    make_run(folder / "talk", spoken=spoken, scores=True)
    make_run(folder / "quiet", spoken=[])
    return {
        "talk": write_report(folder / "talk"),
        "quiet": write_report(folder / "quiet"),
        "both": write_comparison(folder / "talk", folder / "talk", folder / "both.html"),
        "spoken": spoken,
        "scores": json.loads((folder / "talk/scores.json").read_text()),
    }


@pytest.fixture
def visit(browser):
    """Opens a page; at the end there must have been no complaint and no request but the one for the page."""
    seen: list[tuple] = []

    def go(path, width=1200, **how):
        page = browser.new_page(viewport={"width": width, "height": 900}, **how)
        page.set_default_timeout(WAIT_MS)
        complaints: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        seen.append((page, complaints, requests, path))
        return page

    yield go
    for page, complaints, requests, path in seen:
        page.close()
        assert complaints == []
        assert requests == [path.as_uri()]


def shown(page) -> list[int]:
    """Numbers of the utterances in the list that can be seen."""
    return page.evaluate(
        "[...document.querySelectorAll('#said > li')].filter(e => e.offsetParent).map(e => +e.dataset.i)"
    )


def lit(page) -> list[int]:
    """Numbers of the utterances on the timeline that are not faded and can be focused."""
    script = "[...document.querySelectorAll('a.u:not(.out)')].filter(e => e.tabIndex == 0).map(e => +e.dataset.i)"
    return page.evaluate(script)


@pytest.mark.parametrize("name", ["talk", "quiet", "both"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_loads_in_silence_and_never_scrolls_sideways(visit, pages, name, width):
    page = visit(pages[name], width)
    assert page.title().endswith(": emotions")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    if name != "quiet":
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_its_numbers_are_those_of_the_files(visit, pages):
    page, scores = visit(pages["talk"]), pages["scores"]
    assert f"{scores['weighted_f1']:.3f}" in page.inner_text("header")
    matrix = page.evaluate(
        "[...document.querySelectorAll('.matrix tbody tr')].map(r => [...r.cells].map(c => c.innerText))"
    )
    told = [[int(cell.replace("·", "0")) for cell in row[1:8]] for row in matrix]
    assert told == scores["confusion"]
    for index, record in enumerate(pages["spoken"][:3]):
        line = page.inner_text(f"#s{index}")
        assert f"{record['emotion']} {record['confidence']:.0%}" in line
        assert record["transcript"] in line
        cells = page.evaluate(
            f"[...document.querySelectorAll('#u{index} tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
        )
        assert cells[0][1:8] == [str(round(record["probabilities"][name] * 100)) for name in EMOTIONS]
        for row, name in zip(cells[1:], ("face", "audio", "text"), strict=True):
            says = record["modalities"][name]
            assert row[1:8] == [str(round(says["probabilities"][e] * 100)) for e in EMOTIONS]
            assert row[8] == f"{says['weight']:.0%}"


def test_pointing_at_an_utterance_shows_all_of_it(visit, pages):
    page = visit(pages["talk"])
    card = page.locator("#card")
    assert card.is_hidden()
    page.hover("a[data-i='1'] > .s")
    card.wait_for(state="visible")
    told = card.inner_text()
    record = pages["spoken"][1]
    assert record["transcript"] in told
    assert f"{record['emotion']} {record['confidence']:.0%}" in told
    assert "face" in told
    assert "speech_to_text" in told
    page.keyboard.press("Escape")
    assert card.is_hidden()
    page.hover("a[data-i='2'] > .s")
    card.wait_for(state="visible")
    page.hover("h1")
    card.wait_for(state="hidden")


def test_the_keyboard_reaches_and_opens_every_utterance(visit, pages):
    page = visit(pages["talk"])
    page.focus("a[data-i='0']")
    page.keyboard.press("ArrowRight")
    page.locator("#card").wait_for(state="visible")
    assert pages["spoken"][1]["transcript"] in page.inner_text("#card")
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "card"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.i") == "2"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "s2"
    assert page.locator("#u2").is_visible()
    assert page.locator("#card").is_hidden()
    page.keyboard.press("Enter")
    assert page.locator("#u2").is_hidden()


def test_filters_by_keyboard_narrow_list_and_timeline(visit, pages):
    page, spoken = visit(pages["talk"]), pages["spoken"]
    told = page.evaluate("JSON.parse(document.getElementById('data').textContent).utterances")
    page.focus("#f-who")
    page.keyboard.type("face-2")
    twos = [i for i, record in enumerate(spoken) if record["face"] == 2]
    assert shown(page) == lit(page) == twos
    assert page.inner_text("#status") == f"{len(twos)} of 24"
    page.keyboard.press("Tab")
    page.keyboard.type(spoken[1]["emotion"])
    both = [i for i in twos if spoken[i]["emotion"] == spoken[1]["emotion"]]
    assert shown(page) == lit(page) == both
    page.get_by_role("button", name="Show all").press("Enter")
    page.wait_for_function("document.getElementById('status').textContent == '24 utterances'")
    assert shown(page) == lit(page) == list(range(24))
    page.get_by_role("searchbox").press_sequentially("NO MATTER")
    assert shown(page) == [i for i, record in enumerate(spoken) if "No matter" in record["transcript"]]
    page.get_by_role("searchbox").fill("")
    page.get_by_label("only wrong ones").press("Space")
    assert shown(page) == lit(page) == [i for i, u in enumerate(told) if u["wrong"]]
    assert 0 < len(shown(page)) < 24


def test_words_of_a_recording_do_nothing(visit, pages):
    page = visit(pages["talk"])
    page.hover("a[data-i='4'] > .s")
    assert XSS in page.inner_text("#s4")
    assert page.title() == "talk.mp4: emotions"
    assert page.locator("img").count() == 0


def test_light_and_dark_follow_the_readers_choice(visit, pages):
    ground = "getComputedStyle(document.body).backgroundColor"
    assert visit(pages["talk"], color_scheme="light").evaluate(ground) == "rgb(255, 255, 255)"
    dark = visit(pages["talk"], color_scheme="dark")
    assert dark.evaluate(ground) == "rgb(21, 23, 27)"
    dark.emulate_media(media="print")
    assert dark.evaluate(ground) == "rgb(255, 255, 255)"


def test_print_holds_everything_and_no_controls(visit, pages):
    page = visit(pages["talk"])
    page.emulate_media(media="print")
    assert page.locator("#filters").is_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#u23").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.querySelectorAll('details[open]').length") == 0
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_without_scripts_all_can_still_be_read(visit, pages):
    page = visit(pages["talk"], java_script_enabled=False)
    assert page.locator("#filters").is_hidden()
    assert page.locator("svg a.u").count() == 24
    page.locator("#s3").click()
    assert page.locator("#u3").is_visible()
