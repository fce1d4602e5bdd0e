"""The page of una chat in a browser: keys, votes, what survives, how it looks to a screen reader and on a small screen.

Needs Chromium. With axe-core's axe.min.js (UNA_AXE, or .deps/axe/axe.min.js) the page is checked for accessibility too."""
import os
import pathlib
import unittest

from browser import CHROMIUM, Browser
from support import TASK, TMP, fresh, read_rows, train
from votes_test import Page

ROOT = pathlib.Path(__file__).resolve().parents[2]
AXE = pathlib.Path(os.environ.get("UNA_AXE", ROOT / ".deps" / "axe" / "axe.min.js"))
TEXT = "document.getElementById('{}').textContent"


@unittest.skipUnless(CHROMIUM, "chromium is not installed")
class PageInABrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.adapter = fresh("page-adapter")
        train("dpo", TASK / "data" / "pair.jsonl", cls.adapter, "--max_steps", 2, "--learning_rate", "3e-2")
        cls.browser = Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def opened(self, name, *more):
        """A page that is open, and the file of its votes."""
        out = fresh(name)
        page = Page(out, *more)
        self.addCleanup(lambda: page.process.poll() is None and page.kill())
        self.browser.errors.clear()
        self.browser.open(f"http://127.0.0.1:{page.port}/#t={page.token}")
        self.browser.until(TEXT.format("count") + ".includes('vote')")
        return page, out

    def pair_page(self, name, *more):
        return self.opened(name, "--adapter", f"mine={self.adapter}", "--against_base", *more)

    def ask(self, text):
        self.browser.run("document.getElementById('prompt').focus()")
        self.browser.type(text)
        self.browser.press("Enter")
        self.browser.until("!document.getElementById('vote').hidden")

    def count(self, number):
        self.browser.until(TEXT.format("count") + f".startsWith('{number} vote')")

    def test_ten_votes_by_keys_and_training_takes_a_step_on_them(self):
        _, out = self.pair_page("page-votes.jsonl")
        for number in range(10):
            self.ask(f"Name colour {number}")
            self.browser.press("120x"[number % 4])
            if number % 4 < 2:
                self.browser.press("+")
            self.browser.press("Enter")
            self.count(number + 1)
        rows = read_rows(out)
        self.assertEqual(len(rows), 10 + 2 + 2, "a tie and 'both bad' are two rows each")
        better = [row for row in rows if "chosen" in row]
        self.assertEqual([row["prompt"] for row in better][:2], ["Name colour 0", "Name colour 1"])
        self.assertTrue(all("margin" in row for row in better))
        self.assertEqual(self.browser.errors, [])
        train("una", out, fresh("page-run"), "--max_steps", 1, "--allow_dropped", 0.5)  # an answer may be empty
        self.assertTrue((TMP / "page-run" / "adapter_model.safetensors").exists())

    def test_every_key_does_what_the_list_says(self):
        _, out = self.pair_page("page-keys.jsonl")
        checked = "[...document.querySelectorAll('[role=radio]')].find((b) => b.getAttribute('aria-checked') === 'true')"
        self.ask("Name a colour")
        for key, kind in (("1", "a"), ("2", "b"), ("0", "tie"), ("x", "bad")):
            self.browser.press(key)
            self.assertEqual(self.browser.run(f"{checked}.dataset.kind"), kind)
        self.browser.press("1")
        self.browser.press("ArrowRight")
        self.assertEqual(self.browser.run(f"{checked}.dataset.kind"), "b", "arrows move in the group")
        for key, value in (("+", "1"), ("+", "2"), ("-", "1")):
            self.browser.press(key)
            self.assertEqual(self.browser.run("document.getElementById('strength').value"), value)
        self.browser.press("?")
        self.assertTrue(self.browser.run("document.getElementById('keys').open"))
        self.browser.press("n")
        self.browser.type("why not")
        self.browser.press("Enter")
        self.count(1)
        self.assertEqual(read_rows(out)[0]["meta"]["note"], "why not")
        self.browser.run("document.activeElement.blur()")
        self.browser.press("u")
        self.count(0)
        self.assertEqual(read_rows(out), [])
        self.ask("Say something")
        self.browser.press("1")
        self.browser.press("e")
        self.browser.run("document.getElementById('edited').value = ''")
        self.browser.type("<b>Better</b> words. \U0001f600 \u05d0")
        self.browser.press("Escape")
        self.browser.press("Enter")
        self.count(1)
        self.assertEqual(read_rows(out)[0]["chosen"], "<b>Better</b> words. \U0001f600 \u05d0")
        self.ask("And again")
        first = self.browser.run(TEXT.format("answers"))
        self.browser.press("r")
        self.browser.until("!document.getElementById('vote').hidden")
        self.assertTrue(self.browser.run(TEXT.format("answers")) and first)
        self.browser.press("s")
        self.browser.until("document.getElementById('vote').hidden")
        self.assertEqual(len(read_rows(out)), 1, "skipped")
        self.assertEqual(self.browser.errors, [])

    def test_a_double_enter_saves_once_and_markup_stays_text(self):
        _, out = self.pair_page("page-double.jsonl")
        self.ask("<script>document.title='taken'</script><img src=x onerror=document.title='taken'>")
        self.browser.press("1")
        self.browser.press("Enter")
        self.browser.press("Enter")
        self.count(1)
        self.assertEqual(len(read_rows(out)), 1)
        self.assertEqual(self.browser.run("document.title"), "una chat")
        self.assertEqual(self.browser.run("document.querySelectorAll('main img, main script').length"), 0)

    def test_one_answer_takes_thumbs_and_scores(self):
        _, out = self.opened("page-one.jsonl")
        self.ask("Name a colour")
        self.browser.press("k")
        self.browser.press("Enter")
        self.count(1)
        self.ask("Name a tree")
        self.browser.press("7")
        self.browser.press("Enter")
        self.count(2)
        rows = read_rows(out)
        self.assertEqual((rows[0]["label"], rows[1]["score"]), (True, 7))

    def test_a_server_that_dies_loses_nothing(self):
        page, out = self.pair_page("page-dies.jsonl", "--max_new_tokens", "400")
        self.ask("A first one")
        self.browser.press("2")
        self.browser.press("Enter")
        self.count(1)
        self.browser.run("document.getElementById('prompt').focus()")
        self.browser.type("what I had typed")
        page.kill()
        self.browser.press("Enter")
        self.browser.until("!document.getElementById('banner').hidden")
        self.assertEqual(self.browser.run("document.getElementById('prompt').value"), "what I had typed")
        self.assertEqual(len(read_rows(out)), 1)

    def test_a_draft_survives_a_reload(self):
        self.pair_page("page-draft.jsonl")
        self.browser.run("document.getElementById('prompt').focus()")
        self.browser.type("half a thought")
        self.browser.call("Page.reload")
        self.browser.until("document.readyState === 'complete' && " + TEXT.format("count") + ".includes('vote')")
        self.assertEqual(self.browser.run("document.getElementById('prompt').value"), "half a thought")

    def test_it_fits_small_screens_dark_ones_and_screen_readers(self):
        self.pair_page("page-looks.jsonl")
        self.ask("Name a colour")
        grounds = set()
        for width in (1100, 390):
            for dark in (False, True):
                self.browser.size(width)
                self.browser.dark(dark)
                wide = self.browser.run("document.documentElement.scrollWidth")
                self.assertLessEqual(wide, width, "nothing scrolls sideways")
                grounds.add(self.browser.run("getComputedStyle(document.body).backgroundColor"))
                self.browser.screenshot(TMP / f"page-{width}-{'dark' if dark else 'light'}.png")
                self.axe()
        self.assertEqual(len(grounds), 2, "dark is dark")
        self.browser.size(1100)
        self.browser.dark(False)

    def axe(self):
        if not AXE.is_file():
            return
        self.browser.call("Page.setBypassCSP", enabled=True)
        self.browser.run(AXE.read_text(encoding="utf-8") + "; true")
        found = self.browser.run("axe.run().then((r) => r.violations.map((v) => [v.id, v.help, v.nodes.map((n) => n.html)]))")
        self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main()
