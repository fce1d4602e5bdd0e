"""Bars of seconds per pair, una next to each peer, from the summaries that bench_train.py --json wrote: plot_bench.py FILE.jsonl OUT.svg."""
import json
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, BAR, GAP = 760, 250, 90, 16, 14
OURS, OTHERS = "#2a6f97", "#b0b7bf"


def bars(summary):
    """(label, seconds a pair, spread) of each leg, una first."""
    legs = sorted(summary["legs"].items(), key=lambda item: not item[0].startswith("una"))
    return [(name, leg["s_per_pair"], leg["s_per_pair_range"]) for name, leg in legs]


def text(x, y, words, anchor="start", size=12, weight="normal"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}">{escape(words)}</text>'


def draw(summaries):
    most = max(high for summary in summaries for _, _, (_, high) in bars(summary))
    scale = (WIDTH - LEFT - RIGHT) / most
    y, parts = 30, [text(8, 18, "Seconds a pair (shorter is faster; lines: least to most of the rounds)", size=13, weight="bold")]
    for summary in summaries:
        y += 18
        parts.append(text(8, y, summary["case"], weight="bold"))
        y += 6
        for name, value, (low, high) in bars(summary):
            colour = OURS if name.startswith("una") else OTHERS
            parts.append(text(LEFT - 8, y + BAR - 4, name, "end"))
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{value * scale:.1f}" height="{BAR - 3}" fill="{colour}"/>')
            middle = y + (BAR - 3) / 2
            parts.append(f'<path d="M{LEFT + low * scale:.1f} {middle}H{LEFT + high * scale:.1f}" stroke="#222"/>')
            parts.append(text(LEFT + high * scale + 6, y + BAR - 4, f"{value:.2f} s"))
            y += BAR
        y += GAP
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
            'font-family="sans-serif" fill="#222">\n<rect width="100%" height="100%" fill="#fff"/>\n')
    return head + "\n".join(parts) + "\n</svg>\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as lines:
        summaries = [json.loads(line) for line in lines if line.strip()]
    if not summaries:
        sys.exit(f"{sys.argv[1]} holds no summaries; bench_train.py --json writes them")
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(draw(summaries))


if __name__ == "__main__":
    main()
