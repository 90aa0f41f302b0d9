"""Opens a report in a headless browser and compares what it shows with
allocation.json beside it.

usage: check_report.py CHROMIUM DIR MATRIX
"""
import html.parser
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import urllib.parse

chromium, folder, matrix = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]


class Page(html.parser.HTMLParser):
    """Elements with their attributes and the text inside them."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), []))
        if tag not in ("meta", "br"):
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        for element in self.open:
            element[2].append(data)

    def all(self, attribute):
        return [(a, "".join(text)) for _, a, text in self.elements
                if attribute in a]

    def text_of(self, identifier):
        return ["".join(text) for _, a, text in self.elements
                if a.get("id") == identifier][0]


def run_browser(profile, address):
    """The document once its script has run. A browser that does not come to its
    end is started anew. Its output is a file, as processes that it leaves behind
    would hold a pipe open."""
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu",
               "--disable-dev-shm-usage", f"--user-data-dir={profile}",
               "--virtual-time-budget=5000", "--dump-dom", address]
    dom = pathlib.Path(profile) / "dom.html"
    for _ in range(3):
        with dom.open("w") as output:
            browser = subprocess.Popen(command, stdout=output,
                                       stderr=subprocess.DEVNULL,
                                       start_new_session=True)
        try:
            status = browser.wait(timeout=240)
            assert status == 0, f"the browser ended with {status}"
            return dom.read_text()
        except subprocess.TimeoutExpired:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
    raise AssertionError("the browser did not come to its end")


def render(hash="", click=None):
    """The page once its script has run, and a cell was clicked."""
    file = folder / "report.html"
    with tempfile.TemporaryDirectory() as profile:
        if click:
            selector = json.dumps(f"[data-cell={json.dumps(click)}]")
            clicked = pathlib.Path(profile) / "clicked.html"
            clicked.write_text(file.read_text() + "<script>"
                               f"document.querySelector({selector}).click()"
                               "</script>")
            file = clicked
        dom = run_browser(profile, file.resolve().as_uri() + hash)
    page = Page(dom)
    body = [a for tag, a, _ in page.elements if tag == "body"][0]
    assert "data-error" not in body, body["data-error"]
    assert body.get("data-ready") == "yes", "the script did not come to its end"
    return page


allocation = json.loads((folder / "allocation.json").read_text())
bits, segments = {}, {}
for entry in allocation["matrices"]:
    for panel in entry["panels"]:
        name = panel.get("source", entry["name"])
        weights, total = bits.get(name, (0, 0))
        bits[name] = (weights + panel["rows"] * entry["columns"],
                      total + panel["rows"] * sum(
                          s["bits"] * s["columns"] for s in panel["segments"]))
        segments[name] = segments.get(name, 0) + len(panel["segments"])

page = render()
cells = {a["data-cell"]: float(text) for a, text in page.all("data-cell")}
assert set(cells) == set(bits), (set(cells), set(bits))
for name, (weights, total) in bits.items():
    assert abs(cells[name] - total / weights) <= 0.0051, name
assert not page.all("data-segment"), "no matrix was chosen"
# Each part is counted on its own, so that a sum that is right says something.
parts = sum(int(a["data-part"]) for a, _ in page.all("data-part"))
assert parts == allocation["file_bytes"], parts
assert all(int(a["data-part"]) > 0 for a, _ in page.all("data-part"))
assert page.all("data-part")[0][1].startswith("embedding")

chosen = render(click=matrix)
assert chosen.text_of("detail") == render(
    "#" + urllib.parse.quote(matrix)).text_of("detail")
assert len(chosen.all("data-segment")) == segments[matrix]
assert [a["data-cell"] for a, _ in chosen.all("data-cell")
        if a["aria-pressed"] == "true"] == [matrix]
assert matrix in chosen.text_of("detail")
# The losses of its blocks: those of the chosen widths are what the matrix loses
# (all of its panels, if it is packed alone; losses have four digits).
chosen_losses = [float(a["data-loss"]) for a, _ in chosen.all("data-loss")]
assert len(chosen_losses) == len(chosen.all("data-block"))
for entry in allocation["matrices"]:
    if entry["name"] == matrix and chosen_losses:
        assert abs(sum(chosen_losses) / entry["loss"] - 1) < 1e-3
# An address that is broken chooses nothing.
assert not render("#%").all("data-segment")

# What the page says of the bound is what the allocation says.
facts = page.text_of("facts")
assert ("gap" in allocation) == ("at most above the best" in facts), facts
if "gap" in allocation:
    assert f"{100 * allocation['gap']:.4f} %" in facts, facts

# The mark of this model lies on the curve, or where it is worse: nothing is
# better than the best.
chosen_points = [a for _, a, _ in page.elements if a.get("id") == "chosen"]
for mark in chosen_points:
    x, y = float(mark["cx"]), float(mark["cy"])
    curve = [tuple(map(float, point.split(",")))
             for tag, a, _ in page.elements if tag == "polyline"
             for point in a["points"].split()]
    (x0, y0), (x1, y1) = next((left, right) for left, right
                              in zip(curve, curve[1:]) if left[0] <= x <= right[0])
    best = y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    assert y <= best + 2, (y, best)
    if "gap" in allocation and allocation["gap"] < 0.01:
        assert y >= best - 2, (y, best)

expensive = [a["data-expensive"] for a, _ in page.all("data-expensive")]
losses = {m["name"]: m["loss"] for m in allocation["matrices"]}
assert expensive == [name for name in sorted(
    losses, key=losses.get, reverse=True) if losses[name] > 0][:10], expensive
# Why: the share of the loss, and what more bytes would save.
whole = sum(losses.values())
for a, text in page.all("data-expensive"):
    share = losses[a["data-expensive"]] / whole
    assert f"{100 * share:.1f} %" in text, text
print(len(cells), "cells,", len(expensive), "expensive matrices")
print("title:", page.text_of("title"))
print("blocks:", len(chosen_losses))
print("reasons:", sum("saves" in text for _, text in page.all("data-expensive")))
print("curve:", "yes" if chosen_points else "no")
print("command:", page.text_of("command"))
