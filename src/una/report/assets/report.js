"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("una-data").textContent).charts;
  const slider = document.getElementById("smoothing");
  const built = [];
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const tint = (i) => color("--c" + (i % 10));
  const faint = (hex) => hex + "40";

  const stepSizes = []; // whole steps only
  for (let power = 1; power < 1e12; power *= 10) stepSizes.push(power, 2 * power, 5 * power);

  const brief = (v) => {
    if (v === null || v === undefined) return "–";
    if (v === 0) return "0";
    const size = Math.abs(v);
    if (size >= 1e6 || size < 1e-3) return v.toExponential(2).replace("e+", "e").replace(/\.?0+e/, "e");
    if (size >= 1000) return Math.round(v).toLocaleString("en-US");
    return String(Number(v.toPrecision(4)));
  };

  // Exponential moving average, corrected for its start; holes stay holes.
  const smoothed = (values, weight) => {
    let mean = 0, mass = 0;
    return values.map((v) => {
      if (v === null || v === undefined) return v;
      mean = weight * mean + (1 - weight) * v;
      mass = weight * mass + (1 - weight);
      return mean / mass;
    });
  };

  const isSmooth = (chart, series) => chart.smooth && series.x.length >= 40;

  // One table for uPlot: x, then per series its values, or raw and smoothed.
  const table = (chart) => {
    const joined = uPlot.join(chart.series.map((s) => [s.x, s.y]));
    const out = [joined[0]];
    const weight = Number(slider ? slider.value : 0);
    chart.series.forEach((s, i) => {
      out.push(joined[i + 1]);
      if (isSmooth(chart, s)) out.push(smoothed(joined[i + 1], weight));
    });
    return out;
  };

  const lines = (chart) => {
    const out = [{}];
    chart.series.forEach((s, i) => {
      const stroke = tint(s.color === undefined ? i : s.color);
      const dash = s.dashed ? [5, 4] : undefined;
      const points = { show: s.x.length <= 30 && chart.series.length <= 4, size: 5, fill: stroke, stroke };
      if (isSmooth(chart, s)) {
        out.push({ stroke: faint(stroke), width: 1, points: { show: false } });
        out.push({ stroke, width: 2, dash, points: { show: false } });
      } else {
        out.push({ stroke, width: 2, dash, points });
      }
    });
    return out;
  };

  const makeLegend = (box, chart) => {
    box.textContent = "";
    const values = chart.series.map((s, i) => {
      const item = document.createElement("span"), mark = document.createElement("i");
      mark.style.borderColor = tint(s.color === undefined ? i : s.color);
      if (s.dashed) mark.className = "dashed";
      const value = document.createElement("b");
      item.append(mark, s.label, value);
      box.append(item);
      return value;
    });
    const at = document.createElement("span");
    at.className = "at";
    box.append(at);
    return { values, at };
  };

  const nearest = (values, from) => {
    for (let i = from; i >= 0; --i) if (values[i] !== null && values[i] !== undefined) return values[i];
    return null;
  };

  const showValues = (chart, legend, data, idx) => {
    const at = idx === null || idx === undefined ? data[0].length - 1 : idx;
    let column = 1;
    chart.series.forEach((s, i) => {
      const shown = isSmooth(chart, s) ? column + 1 : column;
      legend.values[i].textContent = brief(nearest(data[shown], at));
      column = shown + 1;
    });
    legend.at.textContent = idx === null || idx === undefined ? "" : "step " + data[0][at].toLocaleString("en-US");
  };

  const options = (chart, width, onCursor) => {
    const axis = { stroke: color("--muted"), grid: { stroke: color("--grid"), width: 1 }, font: "11px system-ui",
      ticks: { show: false } };
    return {
      width, height: 210, legend: { show: false },
      cursor: { sync: { key: "una" }, points: { size: 6 }, y: false },
      scales: { x: { time: false }, y: chart.range ? { range: chart.range } : {} },
      axes: [
        { ...axis, size: 26, gap: 4, incrs: stepSizes, values: (u, ticks) => ticks.map((t) => t.toLocaleString("en-US")) },
        { ...axis, gap: 6, values: (u, ticks) => ticks.map(brief),
          size: (u, texts) => 14 + 6.4 * Math.max(3, ...(texts || []).map((t) => t.length)) },
      ],
      series: lines(chart),
      hooks: { setCursor: [(u) => onCursor(u, u.cursor.idx)], setData: [(u) => onCursor(u, null)] },
    };
  };

  const build = (card) => {
    const chart = charts[Number(card.dataset.chart)];
    const plot = card.querySelector(".plot");
    plot.textContent = "";
    const legend = makeLegend(card.querySelector(".legend"), chart);
    const data = table(chart);
    const u = new uPlot(options(chart, plot.clientWidth, (self, idx) => showValues(chart, legend, self.data, idx)),
      data, plot);
    showValues(chart, legend, data, null);
    return { card, chart, u, plot };
  };

  const buildIn = (root) => {
    root.querySelectorAll(".chart[data-chart]").forEach((card) => {
      if (!card.dataset.built && card.clientWidth > 0) {
        card.dataset.built = "yes";
        built.push(build(card));
      }
    });
  };

  const rebuild = () => built.splice(0).forEach((b) => { b.u.destroy(); built.push(build(b.card)); });

  const anySmooth = charts.some((chart) => chart.series.some((s) => isSmooth(chart, s)));
  if (slider && !anySmooth) slider.parentElement.hidden = true;
  buildIn(document);
  document.querySelectorAll("details").forEach((d) => d.addEventListener("toggle", () => buildIn(d)));
  if (slider) slider.addEventListener("input", () => built.forEach((b) => b.u.setData(table(b.chart))));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", rebuild);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    built.forEach((b) => b.u.setSize({ width: b.plot.clientWidth, height: 210 }));
  });
})();
