#!/usr/bin/env python3
"""Records lm-evaluation-harness's verdicts on IFEval for answers made here: ifeval_verdicts.py OUT.jsonl.gz [--rows 2000]

Prompts and answers are drawn from the templates below by a seed. Each row holds `instruction_id_list`, `kwargs`, `prompt`,
`response` and the verdicts `strict` and `loose`, one for each instruction. Needs lm_eval[ifeval]==0.4.13 and NLTK_DATA with
punkt_tab. langdetect gets seed 0, as una does; upstream leaves it to chance.
"""
import argparse
import gzip
import json
import random

import langdetect
from lm_eval.tasks.ifeval import utils
from lm_eval.tasks.ifeval.instructions_registry import INSTRUCTION_DICT
from lm_eval.tasks.ifeval.instructions_util import LANGUAGE_CODES

SUBJECTS = ["The old harbour", "My neighbour", "A small engine", "The committee", "Dr. Alvarez", "Mrs. Okafor", "The U.S. team",
            "Prof. J. Lindqvist", "Nobody here", "The baker's son", "Her cousin Ana", "An art party", "I", "Mr. Tan Jr.",
            "The firm (est. 1990)", "NASA", "Our guide", "Acme Inc.", "A pair of owls", "The third chapter"]
VERBS = ["opens", "repairs", "can't explain", "wrote down", "looks at", "is carrying", "won't sell", "measures", "didn't see",
         "prefers", "remembers", "is gonna paint", "cannot find", "translates", "counts", "gotta move", "describes"]
OBJECTS = ["the lighthouse", "3.5 litres of water", "a letter, e.g. the last one", "the map at 5 p.m.", "its own shadow",
           "No. 7 in the list", "what's left", "the so-called \"garden\"", "twenty boxes", "the river bank", "a party of art lovers",
           "the café's menu", "$12,000 a year", "an email@host.org address", "two-thirds of it", "the naïve plan", "i.e. nothing",
           "the [name] of the town", "J. S. Bach's notes", "the data -- all of it", "a cat & a dog", "50% more"]
ENDS = [".", ".", ".", ".", "!", "?", "...", ".\"", "?!", ".)", " ;", ".”", "!!", "", ". ", ":"]
FOREIGN = {
    "de": ["Der alte Hafen liegt heute still im Morgenlicht.", "Niemand weiß genau, wann das nächste Schiff kommt.",
           "Wir haben gestern lange über die neue Brücke gesprochen."],
    "fr": ["Le vieux port dort encore sous la lumière du matin.", "Personne ne sait quand le prochain bateau arrivera.",
           "Nous avons longuement parlé du nouveau pont hier soir."],
    "es": ["El viejo puerto todavía duerme bajo la luz de la mañana.", "Nadie sabe cuándo llegará el próximo barco.",
           "Ayer hablamos mucho tiempo sobre el puente nuevo."],
    "it": ["Il vecchio porto dorme ancora nella luce del mattino.", "Nessuno sa quando arriverà la prossima nave."],
    "pt": ["O velho porto ainda dorme sob a luz da manhã.", "Ninguém sabe quando chegará o próximo navio."],
    "fi": ["Vanha satama nukkuu vielä aamun valossa.", "Kukaan ei tiedä, milloin seuraava laiva tulee."],
    "vi": ["Bến cảng cũ vẫn còn ngủ yên dưới ánh nắng ban mai.", "Không ai biết khi nào con tàu tiếp theo sẽ đến."],
    "sw": ["Bandari ya zamani bado imelala katika mwanga wa asubuhi.", "Hakuna anayejua meli ijayo itafika lini."],
    "ru": ["Старая гавань ещё спит в утреннем свете.", "Никто не знает, когда придёт следующий корабль."],
    "bg": ["Старото пристанище още спи в утринната светлина.", "Никой не знае кога ще дойде следващият кораб."],
    "ar": ["ما زال الميناء القديم نائما في ضوء الصباح.", "لا أحد يعرف متى ستصل السفينة التالية."],
    "fa": ["بندر قدیمی هنوز در نور صبح خوابیده است.", "هیچ کس نمی‌داند کشتی بعدی کی می‌رسد."],
    "hi": ["पुराना बंदरगाह अभी भी सुबह की रोशनी में सो रहा है।", "कोई नहीं जानता कि अगला जहाज कब आएगा।"],
    "mr": ["जुने बंदर अजूनही सकाळच्या प्रकाशात झोपलेले आहे.", "पुढचे जहाज कधी येईल हे कोणालाच माहीत नाही."],
    "bn": ["পুরানো বন্দরটি এখনও সকালের আলোয় ঘুমিয়ে আছে।", "পরের জাহাজ কখন আসবে কেউ জানে না।"],
    "ta": ["பழைய துறைமுகம் காலை வெளிச்சத்தில் இன்னும் தூங்குகிறது.", "அடுத்த கப்பல் எப்போது வரும் என்று யாருக்கும் தெரியாது."],
    "te": ["పాత నౌకాశ్రయం ఉదయపు వెలుగులో ఇంకా నిద్రపోతోంది.", "తదుపరి ఓడ ఎప్పుడు వస్తుందో ఎవరికీ తెలియదు."],
    "th": ["ท่าเรือเก่ายังคงหลับใหลอยู่ในแสงยามเช้า", "ไม่มีใครรู้ว่าเรือลำต่อไปจะมาเมื่อไหร่"],
    "ko": ["오래된 항구는 아직 아침 햇살 속에 잠들어 있다.", "다음 배가 언제 올지 아무도 모른다."],
    "ja": ["古い港は朝の光の中でまだ眠っている。", "次の船がいつ来るかは誰も知らない。"],
    "zh-cn": ["旧港口仍在晨光中沉睡。", "没有人知道下一艘船什么时候来。"],
    "he": ["הנמל הישן עדיין ישן באור הבוקר.", "איש אינו יודע מתי תגיע הספינה הבאה."],
}
WORDS = ["harbour", "engine", "art", "letter", "map", "water", "party", "box", "river", "plan", "owl", "guide", "naïve", "cat"]
BREAKS = ["\n", "\n\n", "\n\n\n", " ", "  ", "\n \n", "\r\n", "\u2028", "\t"]


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def one(self, items):
        return self.rng.choice(items)

    def maybe(self, chance=0.5):
        return self.rng.random() < chance

    def sentence(self):
        text = f"{self.one(SUBJECTS)} {self.one(VERBS)} {self.one(OBJECTS)}{self.one(ENDS)}"
        if self.maybe(0.1):
            text = text.upper()
        if self.maybe(0.08):
            text = text.lower()
        if self.maybe(0.06):
            text = self.one(["“{}”", "'{}'", "({})", "*{}*", "**{}**", "\"{}\"", "`{}`", "_{}_", "«{}»"]).format(text)
        return text

    def prose(self, most=6):
        parts = []
        for _ in range(self.rng.randint(1, most)):
            parts.append(self.sentence())
            parts.append(self.one([" ", " ", " ", " ", "\n", "\n\n", "  "]))
        return "".join(parts[:-1])

    def relation(self):
        return self.one(["less than", "at least"])

    def frame(self, text):
        """What models put around answers; the loose verdict takes the first and the last line away."""
        if self.maybe(0.15):
            text = self.one(["Sure! Here it is:\n", "**Answer**\n", "Of course, gladly.\n\n", "\n", "   "]) + text
        if self.maybe(0.15):
            text += self.one(["\nLet me know if you need more.", "\n\nHope this helps!", "\n", "\n***", " \n\n"])
        return text


def existence(m):
    keys = m.rng.sample(WORDS, m.rng.randint(1, 3))
    text = m.prose()
    for key in keys:
        if m.maybe(0.7):
            text += " " + m.one([key, key.upper(), key.capitalize(), key + "s", "x" + key]) + "."
    return {"keywords": keys}, text


def frequency(m):
    key, n = m.one(WORDS + ["th.", " map ", "a"]), m.rng.randint(1, 4)
    text = m.prose()
    for _ in range(m.rng.randint(0, n + 1)):
        text += m.one([" ", ", ", "-", ""]) + m.one([key, key.upper(), key + "s"])
    return {"keyword": key, "frequency": n, "relation": m.relation()}, text


def forbidden(m):
    words = m.rng.sample(WORDS, m.rng.randint(1, 3))
    text = m.prose(3)
    if m.maybe():
        text += " " + m.one([words[0], words[0] + "s", words[0] + "-like", "_" + words[0], words[0].upper(), words[0] + "é"])
    return {"forbidden_words": words + ([words[0]] if m.maybe(0.1) else [])}, text


def letter(m):
    return {"letter": m.one(list("abeTnz")), "let_frequency": m.rng.randint(1, 30), "let_relation": m.relation()}, m.prose()


def language(m):
    code = m.one([name for name in FOREIGN if name in LANGUAGE_CODES])
    shown = code if m.maybe(0.8) else m.one(list(FOREIGN))
    text = " ".join(m.rng.sample(FOREIGN[shown], m.rng.randint(1, 2)))
    if m.maybe(0.15):
        text += " " + m.prose(1)
    if m.maybe(0.08):
        text = m.one(["12 + 7 = 19", "!!!", "....", "🙂🙂", "https://example.org a@b.org"])
    return {"language": m.one([code, code, "en"])}, text


def sentences(m):
    text = m.prose(8)
    return {"num_sentences": m.rng.randint(1, 9), "relation": m.relation()}, text


def paragraphs(m):
    n = m.rng.randint(1, 5)
    pieces = [m.prose(2) if m.maybe(0.93) else m.one(["", " ", "\n"]) for _ in range(n + m.rng.randint(-1, 1) or 1)]
    text = m.one(["\n***\n", " *** ", "***", "\n\n***\n\n", "\n* * *\n", "******", "\n****\n"]).join(pieces)
    if m.maybe(0.2):
        text = m.one(["***", "***\n", ""]) + text + m.one(["***", "\n***\n", ""])
    return {"num_paragraphs": n}, text


def words(m):
    text = m.prose(8)
    if m.maybe(0.2):
        text += " " + m.one(list(FOREIGN.values()))[0]
    return {"num_words": m.rng.randint(5, 60), "relation": m.relation()}, text


def nth_paragraph(m):
    n = m.rng.randint(1, 4)
    nth, first = m.rng.randint(1, n), m.one(["Harbour", "engine", "President", "naïve", "it"])
    pieces = [m.prose(2).replace("\n", " ") for _ in range(n)]
    if m.maybe(0.75):
        pieces[nth - 1] = m.one(["", "'", "\"", "''", "'\"", "“", "  "]) + m.one([first, first.upper(), first.lower()]) + \
            m.one([" ", ", ", "'s ", "! ", "-like ", "\u00a0", "."]) + pieces[nth - 1]
    if m.maybe(0.15):
        pieces.insert(m.rng.randint(0, n), m.one(["", " "]))
    return ({"num_paragraphs": n, "nth_paragraph": nth, "first_word": first},
            m.one(["\n\n", "\n\n", "\n\n", "\n\n\n", "\n", "\n\n\n\n"]).join(pieces))


def placeholders(m):
    n = m.rng.randint(1, 4)
    text = m.prose(3)
    for _ in range(m.rng.randint(0, n + 1)):
        text += m.one([" [name]", " [a [b]]", "[link](url)", " []", " [two\nlines]", " [ x ]", " ]["])
    return {"num_placeholders": n}, text


def postscript(m):
    marker = m.one(["P.S.", "P.P.S", "PS:", "N.B."])
    text = m.prose(3)
    if m.maybe(0.8):
        text += m.one(["\n\n", " ", "\n"]) + m.one([marker, "P.S.", "p.s.", "P. S.", "P.P.S.", "P. P. S", "PS", "P.S", "ps:"]) + " " + \
            m.sentence()
    return {"postscript_marker": marker}, text


def bullets(m):
    n = m.rng.randint(1, 5)
    lines = []
    for _ in range(n + m.rng.randint(-1, 1)):
        lines.append(m.one(["* ", "* ", "- ", "-", "  * ", "\t- ", "*", "** ", "*", "• ", "1. "]) + m.sentence().strip())
        if m.maybe(0.12):
            lines.append(m.one(["", "---", "***", "*", "-", "* *", "text"]))
    return {"num_bullets": n}, (m.prose(1) + "\n" if m.maybe() else "") + "\n".join(lines)


def constrained(m):
    answer = m.one(["My answer is yes.", "My answer is no.", "My answer is maybe.", "my answer is yes.", "My answer is yes", "Yes."])
    return {}, m.one(["", "", m.prose(1) + " ", "*", "\""]) + answer + m.one(["", "", " " + m.prose(1), "*"])


def highlights(m):
    n = m.rng.randint(1, 4)
    text = m.prose(2)
    for _ in range(m.rng.randint(0, n + 1)):
        text += m.one([" *one thing*", " **bold words**", " ***both***", " * *", " ** **", " *open", " *two\nlines*", " **a*b**", "****"])
    return {"num_highlights": n}, text


def sections(m):
    n, word = m.rng.randint(1, 5), m.one(["Section", "SECTION", "Day", "Round ", "Part"])
    pieces = []
    for i in range(n + m.rng.randint(-1, 1)):
        pieces.append(m.one([word.strip(), word.strip(), word.strip().lower(), word.strip().upper()]) + m.one([" ", "", "  ", "\n"]) +
                      m.one([str(i + 1), "١", "X", str(i + 10)]) + m.one(["\n", ": ", " "]) + m.prose(2))
    return {"section_spliter": word, "num_sections": n}, m.one(["\n", "\n\n", " ", ""]).join(pieces) or "none"


def json_format(m):
    value = m.one(['{"a": 1, "b": [true, null]}', "[1, 2, 3]", "3", "NaN", "-Infinity", '{"a": 1, "a": 2}', '{"a": 1,}', "{'a': 1}",
                   '"text"', '{"a": "tab\there"}', '{"a": "\\ud800"}', "1e400", "01", "[1", "null", "", '{"a" : 1} extra',
                   '{"k": "\\u00e9\\n"}', "true", "+1", "1.", ".5", "-0", "123456789012345678901234567890", '{"a": "line\nbreak"}',
                   "Infinity", "-NaN", "[]", "{}", '[{"deep": [[[]]]}]', "\u00a0{}", '{"é": "\\q"}', "1E+2", "--1"])
    return {}, m.one(["{}", "{}", "```json\n{}\n```", "```\n{}\n```", "```JSON {} ```", "Here:\n{}", "``` json\n{}```", " {} ",
                      "```json\n```\n{}\n```", "*{}*", "{}\nDone."]).format("@@").replace("@@", value)


def title(m):
    return {}, m.one(["<<A Title>>", "<< >>", "<<one\ntwo>>", "<Title>", "<<>>", "<<<deep>>>", "<<a>> b <<c>>", "title", "« x »",
                      "<< < >>"]) + m.one(["\n", " ", "\n\n"]) + m.prose(2)


def two_responses(m):
    first, second = m.prose(2), m.prose(2)
    second = first if m.maybe(0.2) else second
    return {}, first + m.one(["******", "\n******\n", "*******", "*****", " ****** ****** ", "************"]) + m.one(["", second, second]) + \
        m.one(["", "", "\n******", "******\n"])


def repeat(m):
    asked = m.prose(1)
    start = m.one([asked, asked, asked.upper(), asked + " Extra.", asked[:-2], "\"" + asked + "\"", "  " + asked])
    return {"prompt_to_repeat": m.one([asked, asked + " ", " " + asked])}, start + m.one(["\n\n", " ", ""]) + m.prose(2)


def end_checker(m):
    phrase = m.one(["Any other questions?", "Is there anything else I can help with?", "That is all you need. ", "Over and out!"])
    tail = m.one([phrase, phrase.upper(), phrase.strip() + "\"", phrase.strip() + " \"", phrase.strip() + ".", phrase.strip() + "*", "\"" + phrase])
    return {"end_phrase": phrase}, m.prose(2) + " " + m.one([tail, tail, ""]) + m.one(["", "", "\n", "\n\nBye."])


def quotation(m):
    body = m.prose(2)
    return {}, m.one(["\"{}\"", "\"{}\"", "“{}”", "\"{}", "{}", " \"{}\" \n", "\"", "\"\"", "*\"{}\"*"]).replace("{}", body)


def capital_frequency(m):
    text = m.prose(4)
    for _ in range(m.rng.randint(0, 4)):
        text += " " + m.one(["NASA", "U.S.A.", "I", "A-B", "X1", "HELLO,", "(WORLD)", "I'M", "DON'T", "CAN'T", "GONNA", "O'NEIL", "É", "EU's", "A.",
                             "\"QUOTED\"", "END.", "3D", "R&D", "--", "WORLD'S", "CANNOT", "“YES”", "‘NO’", "LET'S GO."])
    return {"capital_frequency": m.rng.randint(1, 6), "capital_relation": m.relation()}, text


def upper(m):
    text = m.prose(3).upper()
    if m.maybe(0.25):
        text += m.one([" a", " é", " straße", " 12", " \u00aa", " \u01c5"])
    if m.maybe(0.1):
        text = m.one(["123", "...", "É À", m.one(FOREIGN["de"]).upper(), m.one(FOREIGN["fr"]).upper(), "OK"])
    return {}, text


def lower(m):
    text = m.prose(3).lower()
    if m.maybe(0.25):
        text += m.one([" A", " É", " 12", " ß", " \u2170", " \u01c5"])
    if m.maybe(0.1):
        text = m.one(["123", "...", "é à", m.one(FOREIGN["de"]).lower(), m.one(FOREIGN["es"]).lower(), "ok"])
    return {}, text


def no_comma(m):
    text = m.prose(3)
    return {}, text if m.maybe(0.4) else text.replace(",", m.one(["", "，", "、", ";"]))


MAKERS = {
    "keywords:existence": existence, "keywords:frequency": frequency, "keywords:forbidden_words": forbidden,
    "keywords:letter_frequency": letter, "language:response_language": language, "length_constraints:number_sentences": sentences,
    "length_constraints:number_paragraphs": paragraphs, "length_constraints:number_words": words,
    "length_constraints:nth_paragraph_first_word": nth_paragraph, "detectable_content:number_placeholders": placeholders,
    "detectable_content:postscript": postscript, "detectable_format:number_bullet_lists": bullets,
    "detectable_format:constrained_response": constrained, "detectable_format:number_highlighted_sections": highlights,
    "detectable_format:multiple_sections": sections, "detectable_format:json_format": json_format, "detectable_format:title": title,
    "combination:two_responses": two_responses, "combination:repeat_prompt": repeat, "startend:end_checker": end_checker,
    "startend:quotation": quotation, "change_case:capital_word_frequency": capital_frequency,
    "change_case:english_capital": upper, "change_case:english_lowercase": lower, "punctuation:no_comma": no_comma,
}


def make_row(number):
    m = Maker(f"ifeval/{number}")
    kinds = list(MAKERS)
    chosen = [kinds[number % len(kinds)]] + m.rng.sample(kinds, m.one([0, 0, 1, 2]))
    chosen = list(dict.fromkeys(chosen))
    kwargs, text = [], ""
    for i, kind in enumerate(chosen):
        keys, part = MAKERS[kind](m)
        kwargs.append(keys)
        text = part if i == 0 else m.one([text, text + m.one(BREAKS) + part])
    text = m.frame(text)
    if number % 97 == 0:
        text = m.one(["", " ", "\n\n"])
    return {"key": number, "prompt": f"Row {number}.", "instruction_id_list": chosen, "kwargs": kwargs, "response": text}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--start", type=int, default=0)
    args = parser.parse_args()
    assert set(MAKERS) == set(INSTRUCTION_DICT), "the harness has other kinds"
    langdetect.DetectorFactory.seed = 0
    lines, passed, total = [], 0, 0
    for number in range(args.start, args.start + args.rows):
        row = make_row(number)
        example = utils.InputExample(row["key"], row["instruction_id_list"], row["prompt"], row["kwargs"])
        row["strict"] = utils.test_instruction_following_strict(example, row["response"]).follow_instruction_list
        row["loose"] = utils.test_instruction_following_loose(example, row["response"]).follow_instruction_list
        row["strict"], row["loose"] = [[bool(v) for v in row[k]] for k in ("strict", "loose")]
        passed, total = passed + sum(row["strict"]), total + len(row["strict"])
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    with open(args.out, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as out:
        out.write("".join(lines).encode())
    print(f"{args.rows} rows, {total} verdicts, {passed} strict passes")


if __name__ == "__main__":
    main()
