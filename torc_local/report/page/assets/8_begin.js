// Begins when the page is there: unpacks the jobs, then draws what is in sight first.

async function start() {
  const packed = document.getElementById('packed');
  const report = await unpack(packed.textContent);
  packed.remove();
  const attempts = attemptsOf(report);
  // In sight at first: the newest run. Earlier runs are to its left.
  const whole = [0, attempts.reduce((most, one) => Math.max(most, one.end), 0)];
  const stretch = new Stretch(report.span[0], Math.max(report.span[1], report.span[0] + 0.001), whole);
  for (const canvas of document.querySelectorAll('canvas[data-chart]')) {
    const make = {
      states: () => statesChart(canvas, report, attempts, stretch),
      rate: () => rateChart(canvas, attempts, stretch),
      lanes: () => lanesChart(canvas, report, attempts, stretch),
    }[canvas.dataset.chart] ?? (() => nodeChart(canvas, report, attempts, stretch));
    const chart = make();
    chart.canvas = canvas;
    stretch.charts.push(chart);
    steer(canvas, stretch);
  }
  controls(stretch, report);
  stretch.charts.forEach((chart) => chart());
  addEventListener('resize', () => stretch.draw());
  addEventListener('beforeprint', () => stretch.charts.forEach((chart) => chart()));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => stretch.draw());
  const place = document.getElementById('jobs-table');
  if (place) document.jobs = new JobsTable(place, report);
  document.documentElement.dataset.ready = 'yes';
}

function controls(stretch, report) {
  const box = document.querySelector('[data-zoom]');
  if (!box) return;
  box.hidden = false;
  const does = { in: () => stretch.zoom(0.5), out: () => stretch.zoom(2), left: () => stretch.move(-0.5), right: () => stretch.move(0.5),
    all: () => stretch.show(...stretch.whole) };
  for (const button of box.querySelectorAll('button')) button.addEventListener('click', does[button.dataset.do]);
  const said = box.querySelector('output');
  const say = () => {
    said.value = `${inWords(stretch.to - stretch.from)} from ${moment(report.first + stretch.from)}`;
  };
  stretch.charts.push(say);
}

start().catch((error) => {
  const place = document.getElementById('jobs-table');
  place?.append(`The jobs of this page could not be read: ${error.message}`);
  throw error;
});
