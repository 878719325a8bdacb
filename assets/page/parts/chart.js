// A chart over time. The library that draws it is loaded when there is one to draw.
import { html, useEffect, useRef, useState } from "../lib/preact.js";

const isDark = matchMedia("(prefers-color-scheme: dark)");

// <${Chart} times=${[seconds, …]} lines=${[{ color: "good", values: [n, …] }]} label="…" onPoint=${set} height=${180} />: colours are
// names of those in style/base.css; the label is for screen readers: say in words what can be seen. `onPoint` is told at which
// place of the lists the mouse is, or null.
export function Chart({ times, lines, label, onPoint, height = 180 }) {
  const box = useRef();
  const chart = useRef(null);
  const [dark, setDark] = useState(isDark.matches);
  const data = [times, ...lines.map(({ values }) => values)];
  const current = useRef();
  current.current = { data, onPoint };

  useEffect(() => {
    const change = () => setDark(isDark.matches);
    isDark.addEventListener("change", change);
    return () => isDark.removeEventListener("change", change);
  }, []);
  useEffect(() => {
    let isOver = false;
    const observer = new ResizeObserver(() => {
      chart.current?.setSize({ width: box.current.clientWidth, height });
    });
    import("../vendor/uplot/uPlot.esm.js").then(({ default: UPlot }) => {
      if (isOver) return;
      const options = look(box.current, lines, height, (place) => current.current.onPoint?.(place));
      chart.current = new UPlot(options, current.current.data, box.current);
      observer.observe(box.current);
    });
    return () => {
      isOver = true;
      observer.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [dark, height]);
  useEffect(() => chart.current?.setData(data));

  return html`<div class="chart" role="img" aria-label=${label} ref=${box} style=${{ minHeight: `${height}px` }} />`;
}

function look(box, lines, height, onPoint) {
  const style = getComputedStyle(box);
  const color = (name, part = 1) => `color-mix(in srgb, ${style.getPropertyValue(`--${name}`)} ${part * 100}%, transparent)`;
  const axis = {
    stroke: color("soft"), font: `12px ${style.fontFamily}`, grid: { stroke: color("line"), width: 1 }, ticks: { show: false },
  };
  const twoDigits = (value) => String(value).padStart(2, "0");
  const clock = (seconds) => {
    const date = new Date(seconds * 1000);
    return `${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}`;
  };
  return {
    width: box.clientWidth,
    height,
    // The last label of the time is half behind the end of the line.
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { drag: { setScale: false }, y: false, points: { size: 7 } },
    hooks: { setCursor: [(chart) => onPoint(chart.cursor.idx ?? null)] },
    scales: { y: { range: (_, least, most) => [0, Math.max(4, Math.ceil(most * 1.1))] } },
    axes: [
      { ...axis, values: (_, times) => times.map(clock), grid: { show: false }, space: 70, size: 28 },
      { ...axis, size: 40, space: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
    ],
    series: [{}, ...lines.map((line) => ({
      stroke: color(line.color), fill: color(line.color, 0.14), width: 1.5, points: { show: false },
    }))],
  };
}
