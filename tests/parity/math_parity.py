#!/usr/bin/env python3
"""una's equality of mathematical answers beside math-verify's: math_parity.py --dump PROGRAM [--rows 5000] [--seed 1]

Makes right answers of many shapes, rewrites each into one that says the same or into one that does not, and asks both
programs. Every pair's truth is known from how it was made. Prints where the two differ, by kind of rewrite, and fails when
una calls a wrong answer right, when it differs from math-verify on more than 0.5 % of the rewrites, or when one of the
texts in the style of a model (--answers) is judged against its truth. `--dump` is una_math_dump. Needs math-verify 0.9.0.
"""
import argparse
import collections
import json
import logging
import random
import subprocess
import sys
from fractions import Fraction

# Differences that were looked at: the kind of rewrite, and who is right.
JUDGED = {
    ("powers", "tiny"): "math-verify calls 1/2^99 and 1/2^98 equal: both are 0 to 15 digits",
    ("percents", "percent"): "una reads a percent sign on one side only as hundredths or as nothing, math-verify mostly as neither",
    ("percents", "sign"): "math-verify reads a space before the percent sign as another expression",
    ("complexes", "spaces"): "math-verify does not read 6 i as 6i",
    ("integers", "unit"): "math-verify keeps a unit that spacing follows",
    ("tuples", "tuple order"): "math-verify takes (a, b) for the set of a and b in some forms",
    ("intervals", "interval brackets"): "math-verify takes an open interval for the pair and the pair for the set",
}


def frac(value):
    value = Fraction(value)
    sign = "-" if value < 0 else ""
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}" if value.denominator != 1 else str(value.numerator)


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def one(self, items):
        return self.rng.choice(items)

    def integer(self, low=1, high=60):
        return self.rng.randint(low, high)

    def rational(self):
        while True:
            value = Fraction(self.integer(-40, 40), self.integer(2, 24))
            if value.denominator > 1:
                return value


def spaced(m, text):
    for _ in range(m.rng.randint(0, 2)):
        text = m.one([lambda t: t.replace("+", " + "), lambda t: t.replace(",", ",\\ ", 1), lambda t: t.replace("\\frac", "\\dfrac"),
                      lambda t: t.replace("\\frac", "\\tfrac"), lambda t: "\\displaystyle " + t, lambda t: t + "\\,",
                      lambda t: t.replace("(", "\\left(").replace(")", "\\right)") if "[" not in t and "]" not in t and "\\left" not in t else t, lambda t: " " + t + " "])(text)
    return text


def integers(m):
    n = m.integer(-500, 5000)
    same = [("plain", str(n)), ("sum", f"{n - 7}+7"), ("power", f"{n}^1"), ("fraction", f"\\frac{{{2 * n}}}{{2}}"), ("assigned", f"x = {n}"),
            ("decimal", f"{n}.0"), ("unit", f"{n}\\text{{ cm}}"), ("degrees", f"{n}^\\circ"), ("product", f"{n} \\cdot 1")]
    if n > 999:
        same += [("thousands", f"{n:,}"), ("thousands", f"{n:,}".replace(",", "{,}"))]
    wrong = [("next", str(n + 1)), ("sign", str(-n) if n else "1"), ("ten times", str(10 * n) if n else "10"), ("half", f"{n}.5")]
    return str(n), same, wrong


def fractions(m):
    v = m.rational()
    same = [("plain", frac(v)), ("inline", f"{v.numerator}/{v.denominator}"), ("minus inside", f"\\frac{{{v.numerator}}}{{{v.denominator}}}"),
            ("not reduced", f"\\frac{{{3 * v.numerator}}}{{{3 * v.denominator}}}"), ("assigned", f"x={frac(v)}")]
    if v > 1:
        whole = v.numerator // v.denominator
        same.append(("mixed", f"{whole}\\frac{{{v.numerator - whole * v.denominator}}}{{{v.denominator}}}"))
    if all(p in (2, 5) for p in factors(v.denominator)):
        same.append(("decimal", str(float(v))))
    wrong = [("upside down", frac(1 / v)), ("sign", frac(-v)), ("next", frac(v + 1)), ("numerator", frac(v + Fraction(1, v.denominator)))]
    return frac(v), same, wrong


def factors(n):
    out, p = [], 2
    while n > 1:
        while n % p == 0:
            out.append(p)
            n //= p
        p += 1
    return out


def roots(m):
    a, b = m.integer(2, 12), m.one([2, 3, 5, 6, 7, 10, 11])
    gold = f"{a}\\sqrt{{{b}}}"
    same = [("one root", f"\\sqrt{{{a * a * b}}}"), ("order", f"\\sqrt{{{b}}} \\cdot {a}"), ("rational", f"\\frac{{{a * b}}}{{\\sqrt{{{b}}}}}"),
            ("power", f"{a} \\cdot {b}^{{1/2}}"), ("plain", gold)]
    wrong = [("root", f"{a}\\sqrt{{{b + 1}}}"), ("factor", f"{a + 1}\\sqrt{{{b}}}"), ("sum", f"{a}+\\sqrt{{{b}}}"), ("square", str(a * a * b))]
    return gold, same, wrong


def closed_forms(m):
    a, b, c = m.integer(1, 9), m.one([2, 3, 5, 7]), m.integer(2, 9)
    gold = f"\\frac{{{a}+\\sqrt{{{b}}}}}{{{c}}}"
    same = [("apart", f"\\frac{{{a}}}{{{c}}}+\\frac{{\\sqrt{{{b}}}}}{{{c}}}"), ("order", f"\\frac{{\\sqrt{{{b}}}+{a}}}{{{c}}}"),
            ("inline", f"({a}+\\sqrt{{{b}}})/{c}"), ("plain", gold)]
    wrong = [("minus", f"\\frac{{{a}-\\sqrt{{{b}}}}}{{{c}}}"), ("denominator", f"\\frac{{{a}+\\sqrt{{{b}}}}}{{{c + 1}}}")]
    return gold, same, wrong


def with_pi(m):
    v = abs(m.rational())
    gold = f"\\frac{{{v.numerator}\\pi}}{{{v.denominator}}}"
    same = [("order", f"\\frac{{{v.numerator}}}{{{v.denominator}}}\\pi"), ("inline", f"{v.numerator}\\pi/{v.denominator}"), ("plain", gold)]
    wrong = [("without", frac(v)), ("square", f"\\frac{{{v.numerator}\\pi^2}}{{{v.denominator}}}"), ("next", f"\\frac{{{v.numerator + 1}\\pi}}{{{v.denominator}}}")]
    return gold, same, wrong


def powers(m):
    b, e = m.integer(2, 9), m.integer(10, 60)
    gold = f"{b}^{{{e}}}"
    same = [("product", f"{b} \\cdot {b}^{{{e - 1}}}"), ("digits", str(b ** e)), ("plain", gold)]
    wrong = [("exponent", f"{b}^{{{e + 1}}}"), ("base", f"{b + 1}^{{{e}}}"), ("one more", f"{b}^{{{e}}}+1")]
    if m.rng.random() < 0.3:
        gold, same, wrong = f"\\frac{{1}}{{2^{{{e + 40}}}}}", [("power", f"2^{{-{e + 40}}}")], [("tiny", f"\\frac{{1}}{{2^{{{e + 39}}}}}")]
    return gold, same, wrong


def counts(m):
    n, k = m.integer(5, 14), m.integer(2, 4)
    gold = f"\\binom{{{n}}}{{{k}}}"
    value = 1
    for i in range(k):
        value = value * (n - i) // (i + 1)
    same = [("value", str(value)), ("factorials", f"\\frac{{{n}!}}{{{k}!{n - k}!}}"), ("other side", f"\\binom{{{n}}}{{{n - k}}}")]
    wrong = [("value", str(value + 1)), ("upper", f"\\binom{{{n + 1}}}{{{k}}}")]
    return gold, same, wrong


def polynomials(m):
    a, b, x = m.integer(1, 9), m.integer(1, 9), m.one(["x", "t", "n"])
    gold = f"{x}^2+{a + b}{x}+{a * b}"
    same = [("factors", f"({x}+{a})({x}+{b})"), ("order", f"{a * b}+{a + b}{x}+{x}^2"), ("braces", f"{x}^{{2}}+{a + b}{x}+{a * b}")]
    wrong = [("constant", f"{x}^2+{a + b}{x}+{a * b + 1}"), ("sign", f"{x}^2-{a + b}{x}+{a * b}"), ("letter", gold.replace(x, "y")),
             ("degree", f"{x}^3+{a + b}{x}+{a * b}")]
    return gold, same, wrong


def expressions(m):
    a, b = m.integer(2, 9), m.integer(2, 9)
    gold = f"\\frac{{{a}x}}{{{b}y}}"
    same = [("inline", f"{a}x/({b}y)"), ("apart", f"\\frac{{{a}}}{{{b}}} \\cdot \\frac{{x}}{{y}}"), ("twice", f"\\frac{{{2 * a}x}}{{{2 * b}y}}")]
    wrong = [("upside down", f"\\frac{{{a}y}}{{{b}x}}"), ("number", f"\\frac{{{a + 1}x}}{{{b}y}}")]
    return gold, same, wrong


def sets(m):
    values = m.rng.sample(range(-20, 30), m.one([2, 3, 3, 4]))
    shuffled = values[:]
    m.rng.shuffle(shuffled)
    gold = ", ".join(map(str, values))
    same = [("order", ", ".join(map(str, shuffled))), ("braces", "\\{" + ", ".join(map(str, shuffled)) + "\\}"), ("tight", ",".join(map(str, values)))]
    if len(values) == 2:
        same.append(("and", f"{values[1]} \\text{{ and }} {values[0]}"))
    wrong = [("one missing", ", ".join(map(str, values[1:]))), ("one wrong", ", ".join(map(str, [values[0] + 31] + values[1:]))),
             ("one more", gold + ", 99")]
    return gold, same, wrong


def plus_minus(m):
    a, b = m.integer(1, 9), m.integer(2, 9)
    gold = f"{a}\\pm\\sqrt{{{b}}}" if int(b ** 0.5) ** 2 != b else f"{a}\\pm {b}"
    high, low = gold.replace("\\pm", "+"), gold.replace("\\pm", "-")
    return gold, [("both", f"{high}, {low}"), ("order", f"{low}, {high}"), ("plain", gold)], [("one", high), ("same twice", f"{high}, {high}")]


def tuples(m):
    a, b, c = m.rational(), m.integer(-9, 9), m.integer(-9, 9)
    n = m.one([2, 3, 3])
    parts = [frac(a), str(b), str(c)][:n]
    gold = f"({','.join(parts)})"
    same = [("spaces", f"({', '.join(parts)})"), ("inline", f"({','.join([f'{a.numerator}/{a.denominator}'] + parts[1:])})"),
            ("sizes", f"\\left({','.join(parts)}\\right)")]
    wrong = [("value", f"({','.join([frac(a + 1)] + parts[1:])})"), ("one missing", f"({','.join(parts[1:])})" if n > 2 else parts[0])]
    if n > 2:
        wrong.append(("tuple order", f"({','.join([parts[1], parts[0]] + parts[2:])})"))
    return gold, same, wrong


def intervals(m):
    a, b = m.integer(-20, 0), m.integer(1, 30)
    left, right = m.one("(["), m.one(")]")
    gold = f"{left}{a},{b}{right}"
    same = [("spaces", f"{left}{a}, {b}{right}"), ("sizes", f"\\left{left}{a},{b}\\right{right}"), ("in", f"x \\in {left}{a},{b}{right}")]
    wrong = [("end", f"{left}{a},{b + 1}{right}"), ("interval brackets", f"{'[' if left == '(' else '('}{a},{b}{right}")]
    return gold, same, wrong


def unions(m):
    a, b = m.integer(-20, -1), m.integer(1, 20)
    gold = f"(-\\infty,{a})\\cup({b},\\infty)"
    same = [("order", f"({b},\\infty)\\cup(-\\infty,{a})"), ("spaces", f"(-\\infty, {a}) \\cup ({b}, \\infty)")]
    return gold, same, [("bracket", f"(-\\infty,{a}]\\cup({b},\\infty)"), ("end", f"(-\\infty,{a})\\cup({b + 1},\\infty)"), ("half", f"(-\\infty,{a})")]


def matrices(m):
    cells = [m.integer(-9, 9) for _ in range(4)]
    def matrix(v, kind="pmatrix"):
        return f"\\begin{{{kind}}} {v[0]} & {v[1]} \\\\ {v[2]} & {v[3]} \\end{{{kind}}}"
    other = cells[:]
    other[m.integer(0, 3)] += 1
    return matrix(cells), [("brackets", matrix(cells, "bmatrix")), ("plain", matrix(cells))], [("cell", matrix(other))]


def equations(m):
    a, b, c = m.integer(2, 9), m.integer(1, 9), m.integer(1, 20)
    gold = f"{a}x+{b}y={c}"
    same = [("moved", f"{a}x+{b}y-{c}=0"), ("twice", f"{2 * a}x+{2 * b}y={2 * c}"), ("turned", f"{c}={a}x+{b}y"), ("order", f"{b}y+{a}x={c}")]
    return gold, same, [("constant", f"{a}x+{b}y={c + 1}"), ("sign", f"{a}x-{b}y={c}")]


def lines(m):
    a, b = m.integer(2, 9), m.integer(1, 9)
    return f"y={a}x+{b}", [("order", f"y={b}+{a}x"), ("plain", f"y = {a}x + {b}"), ("right side", f"{a}x+{b}")], [("slope", f"y={a + 1}x+{b}"), ("sign", f"y={a}x-{b}")]


def inequalities(m):
    a = m.integer(-9, 30)
    sign, turned = m.one([("<", ">"), ("\\le", "\\ge"), (">", "<"), ("\\ge", "\\le")])
    return f"x {sign} {a}", [("turned", f"{a} {turned} x"), ("long name", f"x {sign.replace('le', 'leq').replace('ge', 'geq')} {a}")], \
        [("other way", f"x {turned} {a}"), ("end", f"x {sign} {a + 1}")]


def percents(m):
    n = m.integer(2, 95)
    return f"{n}\\%", [("percent", f"{n}"), ("percent", f"{n / 100:g}"), ("sign", f"{n} \\%")], [("next", f"{n + 1}\\%"), ("tenth", f"{n / 1000:g}")]


def decimals(m):
    n = m.integer(1, 9999)
    text = f"{n / 100:.2f}"
    if n % 100 == 0:
        return integers(m)
    return text, [("fraction", frac(Fraction(n, 100))), ("zero", text + "0"), ("money", "\\$" + text)], [("next", f"{(n + 1) / 100:.2f}"), ("ten times", f"{n / 10:.2f}")]


def complexes(m):
    a, b = m.integer(1, 9), m.integer(2, 9)
    return f"{a}+{b}i", [("order", f"{b}i+{a}"), ("spaces", f"{a} + {b} i")], [("conjugate", f"{a}-{b}i"), ("real", str(a + b)), ("part", f"{a + 1}+{b}i")]


def functions(m):
    a = m.integer(2, 9)
    kind = m.integer(0, 2)
    if kind == 0:
        return f"\\ln {a}", [("brackets", f"\\ln({a})"), ("plain", f"\\ln {a}")], [("next", f"\\ln {a + 1}"), ("without", str(a)), ("log", f"\\log {a}")]
    if kind == 1:
        return f"\\log_2 {2 ** a}", [("value", str(a))], [("next", str(a + 1))]
    return "\\cos \\frac{\\pi}{3}", [("value", "\\frac{1}{2}"), ("degrees", "0.5")], [("sine", "\\sin \\frac{\\pi}{3}")]


KINDS = [integers, integers, fractions, fractions, roots, closed_forms, with_pi, powers, counts, polynomials, expressions, sets, plus_minus,
         tuples, intervals, unions, matrices, equations, lines, inequalities, percents, decimals, complexes, functions]


def make_pair(number, seed):
    m = Maker(f"math/{seed}/{number}")
    kind = KINDS[number % len(KINDS)]
    gold, same, wrong = kind(m)
    truth = m.rng.random() < 0.6
    how, text = m.one(same if truth else wrong)
    return {"kind": kind.__name__, "how": how, "right": gold, "answer": text if how == "thousands" else spaced(m, text), "truth": truth}


TAILS = ["{}", "Let us compute.\n\nSo the answer is $\\boxed{{{0}}}$.", "We get $\\boxed{{{0}}}$.", "Thus \\[\\boxed{{{0}}}\\]",
         "Final Answer: The final answer is ${0}$. I hope it is correct.", "The answer is ${0}$.", "**Answer:** ${0}$",
         "First $x+1 = 2$, so $x = 1$. Then the final answer is ${0}$.", "Hence \\({0}\\).", "\\boxed{{{0}}}"]


def make_text(number, seed):
    pair = make_pair(number * 7 + 3, f"text/{seed}")
    rng = random.Random(f"tail/{seed}/{number}")
    tail = rng.choice(TAILS[1:])
    solution = f"After some steps one finds $\\boxed{{{pair['right']}}}$."
    return {**pair, "right": solution, "answer": tail.format(pair["answer"]), "how": pair["how"]}


def ask_una(dump, rows, mode):
    lines = "".join(json.dumps({"right": r["right"], "answer": r["answer"], "mode": mode}) + "\n" for r in rows)
    out = subprocess.run([dump], input=lines, capture_output=True, text=True, check=True).stdout.split()
    return [word == "1" for word in out]


def ask_math_verify(rows, wrap):
    from math_verify import LatexExtractionConfig, parse, verify
    logging.disable(logging.CRITICAL)
    out = []
    for row in rows:
        right, answer = (f"${row['right']}$", f"${row['answer']}$") if wrap else (row["right"], row["answer"])
        out.append(bool(verify(parse(right, extraction_config=[LatexExtractionConfig()]), parse(answer))))
    return out


def compare(title, rows, una, peer, judged):
    differ = [(r, u, p) for r, u, p in zip(rows, una, peer) if u != p]
    wrong = [r for r, u in zip(rows, una) if u and not r["truth"]]
    missed = [r for r, u in zip(rows, una) if not u and r["truth"]]
    peer_wrong = sum(p != r["truth"] for r, p in zip(rows, peer))
    agree = 1 - len(differ) / len(rows)
    print(f"{title}: {len(rows)} pairs, agreement {100 * agree:.2f} %; una against truth: {len(wrong)} false positives, {len(missed)} missed; "
          f"math-verify against truth: {peer_wrong} wrong")
    for (kind, how), count in collections.Counter((r["kind"], r["how"]) for r, _, _ in differ).most_common():
        example = next((r, u, p) for r, u, p in differ if (r["kind"], r["how"]) == (kind, how))
        print(f"  {count:4d} {kind}, {how}: right {example[0]['right']!r}, answer {example[0]['answer']!r}, truth {example[0]['truth']}, "
              f"una {example[1]}, math-verify {example[2]}{'  (' + JUDGED[kind, how] + ')' if (kind, how) in JUDGED else ''}")
    for row in wrong + missed:
        print(f"  {'FALSE POSITIVE' if not row['truth'] else 'missed'}: {row}")
    counted = [d for d in differ if not (judged and (d[0]["kind"], d[0]["how"]) in JUDGED)]
    return wrong, missed, len(counted) / len(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dump", required=True)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--answers", type=int, default=500)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--without_peer", action="store_true", help="only una against the truth")
    args = parser.parse_args()
    pairs = [make_pair(i, args.seed) for i in range(args.rows)]
    texts = [make_text(i, args.seed) for i in range(args.answers)]
    una = ask_una(args.dump, pairs, "answer")
    una_texts = ask_una(args.dump, texts, "solution") if texts else []
    truth = [r["truth"] for r in pairs], [r["truth"] for r in texts]
    peer = truth[0] if args.without_peer else ask_math_verify(pairs, True)
    peer_texts = truth[1] if args.without_peer else ask_math_verify(texts, False)
    wrong, _, share = compare("rewrites", pairs, una, peer, True)
    failed = bool(wrong) or share > 0.005
    if texts:
        wrong, missed, _ = compare("texts", texts, una_texts, peer_texts, True)
        failed = failed or bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
