// Charts: only the kinds that pages use. A page puts <div class="chart" data-chart="ID"></div> and its ECharts
// option as JSON in <script type="application/json" id="ID" nonce=...>; nothing else is needed. The words that hovering
// shows may come ready-made, one for each point of the axis, as tooltip.texts.
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, DatasetComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

echarts.use([
  AriaComponent,
  BarChart,
  DatasetComponent,
  GridComponent,
  LegendComponent,
  LineChart,
  MarkLineComponent,
  SVGRenderer,
  TooltipComponent,
]);

const COLOURS = ["#17877e", "#d79a2b", "#5875c4", "#a8638f", "#7a8f45", "#74808f"];
const COLOURS_DARK = ["#34a89b", "#dcae55", "#86a0e8", "#cf8bb6", "#a3bb68", "#97a4b8"];

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function withHouseStyle(option) {
  const dark = document.documentElement.getAttribute("data-bs-theme") === "dark";
  const axis = {
    axisLine: { lineStyle: { color: style("--vb-line") } },
    axisLabel: { color: style("--vb-quiet") },
    splitLine: { lineStyle: { color: style("--vb-line") } },
    nameTextStyle: { color: style("--vb-quiet") },
  };
  const dress = (one) => ({ ...axis, ...one, axisLabel: { ...axis.axisLabel, ...one.axisLabel } });
  const shape = (one) => (one.type === "bar" ? { barMaxWidth: 40, ...one } : { symbolSize: 7, lineStyle: { width: 2.5 }, ...one });
  const { texts, ...tooltip } = option.tooltip ?? {};
  const dressAll = (axes) => (Array.isArray(axes) ? axes.map(dress) : axes && dress(axes));
  return {
    color: dark ? COLOURS_DARK : COLOURS,
    textStyle: { fontFamily: style("--tblr-font-sans-serif") || "sans-serif" },
    animation: !window.matchMedia("print").matches && !window.matchMedia("(prefers-reduced-motion: reduce)").matches,
    aria: { enabled: true },
    ...option,
    grid: { left: 8, right: 16, top: 36, bottom: 8, containLabel: true, ...option.grid },
    legend: option.legend && { textStyle: { color: style("--vb-quiet") }, top: 0, ...option.legend },
    // Drawn, not written as HTML: the CSP allows no style attributes.
    tooltip: {
      trigger: "axis",
      backgroundColor: dark ? "#1f2926" : "#ffffff",
      borderColor: style("--vb-line"),
      textStyle: { color: dark ? "#e4eae7" : "#1d2522", fontSize: 13 },
      ...tooltip,
      ...(texts && { formatter: (points) => texts[[points].flat()[0].dataIndex] }),
      confine: true,
      renderMode: "richText",
    },
    xAxis: dressAll(option.xAxis),
    yAxis: dressAll(option.yAxis),
    series: (option.series ?? []).map(shape),
  };
}

const drawn = new WeakMap(); // what each place shows: a page that looks again draws only what has changed

function draw(place) {
  const text = document.getElementById(place.dataset.chart).textContent;
  const look = document.documentElement.getAttribute("data-bs-theme") + text;
  if (drawn.get(place) === look && echarts.getInstanceByDom(place)) return;
  drawn.set(place, look);
  const option = JSON.parse(text);
  const chart = echarts.getInstanceByDom(place) ?? echarts.init(place, null, { renderer: "svg" });
  chart.setOption(withHouseStyle(option), true);
}

function drawAll() {
  for (const place of document.querySelectorAll("[data-chart]")) draw(place);
}

drawAll();
document.addEventListener("htmx:afterSettle", drawAll);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => requestAnimationFrame(drawAll));
const resize = () => {
  for (const place of document.querySelectorAll("[data-chart]")) echarts.getInstanceByDom(place)?.resize();
};
window.addEventListener("resize", resize);
// The numbers beside a chart are folded away on the screen, and printed.
const folded = () => document.querySelectorAll("details.chart-table:not([open])");
let unfolded = [];
window.addEventListener("beforeprint", () => {
  unfolded = [...folded()];
  for (const one of unfolded) one.open = true;
  drawAll(); // theme.js has just turned the page light
  resize();
});
window.addEventListener("afterprint", () => {
  for (const one of unfolded) one.open = false;
  drawAll();
  resize();
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
