// Jobs in each state over time, how many end, and what runs on each runner.

// All attempts as spans: columns of equal length, in the order of their starts.
function attemptsOf(report) {
  const { columns, step, earlier, states } = report;
  const found = [];
  for (let job = 0; job < report.jobs; job++) {
    if (!(columns.duration[job] >= 0)) continue;
    const start = columns.start[job] * step;
    const state = report.outcome[job] ?? states[columns.state[job]];
    found.push({ job, start, end: start + columns.duration[job], runner: columns.runner[job], state, wait: columns.wait[job], isLast: true });
  }
  for (const [job, run, , state, , start, duration, runner] of earlier) {
    // A job that was tried again in the same run waited again from the end of the attempt before.
    const waitsAgain = run === columns.run[job] && columns.wait[job] >= 0;
    found.push({ job, start, end: start + duration, runner, state, wait: NaN, isLast: false, waitsAgain });
  }
  return found.sort((one, other) => one.start - other.start);
}

// How many of ascending moments are not after each border of the bins.
function countsAt(moments, from, to, bins) {
  const counts = new Float64Array(bins + 1);
  let at = 0;
  for (let i = 0; i <= bins; i++) {
    const border = from + ((to - from) * i) / bins;
    while (at < moments.length && moments[at] <= border) at += 1;
    counts[i] = at;
  }
  return counts;
}

const ascending = (values) => Float64Array.from(values).sort();

function statesChart(canvas, report, attempts, stretch) {
  const starts = ascending(attempts.map((one) => one.start));
  const ends = ascending(attempts.map((one) => one.end));
  const waited = attempts.filter((one) => one.wait >= 0);
  const again = attempts.filter((one) => one.waitsAgain);
  const readied = ascending([...waited.map((one) => one.start - one.wait), ...again.map((one) => one.end)]);
  const begun = ascending([...waited, ...again].map((one) => one.start));
  const last = attempts.filter((one) => one.isLast);
  const good = ascending(last.filter((one) => one.state === 'completed').map((one) => one.end));
  const bad = ascending(last.filter((one) => one.state !== 'completed').map((one) => one.end));
  return () => {
    const drawing = begin(canvas, stretch);
    const { context, inner, colour } = drawing;
    const bins = Math.max(Math.floor(inner.width), 1);
    const count = (moments) => countsAt(moments, stretch.from, stretch.to, bins);
    const [started, ended, ready, taken, completed, failed] = [starts, ends, readied, begun, good, bad].map(count);
    const layers = [['completed', completed], ['failed', failed], ['running', started.map((n, i) => n - ended[i])],
      ['ready', ready.map((n, i) => Math.max(n - taken[i], 0))]];
    const all = report.jobs;
    let below = null;
    const values = layers.map(([, layer]) => Array.from(layer.subarray(0, bins)));
    const most = Math.max(all, 1);
    const rest = values[0].map((_, i) => Math.max(most - values.reduce((sum, layer) => sum + layer[i], 0), 0));
    for (let i = 0; i < layers.length; i++) below = area(context, inner, values[i], below, most, colour(layers[i][0]));
    area(context, inner, rest, below, most, colour('disabled'));
    timeAxis(drawing, stretch);
    valueAxis(drawing, most, counted, { isWhole: true });
    legend(drawing, [['completed', 'completed'], ['failed', 'did not complete'], ['running', 'running'], ['ready', 'waiting'],
      ['disabled', 'blocked, or never ran']]);
  };
}

function rateChart(canvas, attempts, stretch) {
  const ends = ascending(attempts.map((one) => one.end));
  return () => {
    const drawing = begin(canvas, stretch);
    const { context, inner, colour } = drawing;
    const bins = Math.max(Math.floor(inner.width / 4), 1);
    const seconds = (stretch.to - stretch.from) / bins;
    const counts = countsAt(ends, stretch.from, stretch.to, bins);
    const rates = Array.from({ length: bins }, (_, i) => (counts[i + 1] - counts[i]) / seconds);
    const most = rates.reduce((one, other) => Math.max(one, other), 0) || 1;
    area(context, inner, rates, null, most, colour('running'));
    timeAxis(drawing, stretch);
    valueAxis(drawing, most, (value) => counted(Number(value.toPrecision(3))));
  };
}

// A lane for each runner; jobs that overlap in it share its height. From afar, how full it is.
function lanesChart(canvas, report, attempts, stretch) {
  const lanes = lanesOf(report, attempts);
  canvas.style.height = `${Math.min(Math.max(lanes.length * 18, 60), 900) + MARGIN.top + MARGIN.bottom}px`;
  return () => {
    const drawing = begin(canvas, stretch);
    const { context, inner, x, colour } = drawing;
    const height = inner.height / Math.max(lanes.length, 1);
    lanes.forEach((lane, number) => {
      const top = inner.y + number * height;
      const seen = lane.spans.filter((one) => one.end >= stretch.from && one.start <= stretch.to);
      if (seen.length > 3 * inner.width) drawFullness(drawing, stretch, lane, seen, top, height);
      else {
        const each = (height - 2) / lane.rows;
        for (const one of seen) {
          const left = Math.max(x(one.start), inner.x);
          context.fillStyle = colour(one.state);
          context.fillRect(left, top + 1 + one.row * each, Math.max(Math.min(x(one.end), inner.x + inner.width) - left - 0.5, 0.7),
            Math.max(each - (each > 3 ? 1 : 0), 0.5));
        }
      }
      context.fillStyle = colour('soft');
      context.textAlign = 'right';
      context.textBaseline = 'middle';
      if (height >= 9) context.fillText(lane.label, inner.x - 6, top + height / 2);
    });
    timeAxis(drawing, stretch);
  };
}

function drawFullness({ context, inner, colour }, stretch, lane, seen, top, height) {
  const bins = Math.max(Math.floor(inner.width), 1);
  const width = (stretch.to - stretch.from) / bins;
  const busy = new Float64Array(bins);
  const failed = new Uint8Array(bins);
  for (const one of seen) {
    const from = Math.max((one.start - stretch.from) / width, 0);
    const to = Math.min((one.end - stretch.from) / width, bins);
    for (let bin = Math.floor(from); bin < to; bin++) {
      busy[bin] += Math.min(to, bin + 1) - Math.max(from, bin);
      if (one.state !== 'completed') failed[bin] = 1;
    }
  }
  for (let bin = 0; bin < bins; bin++) {
    context.globalAlpha = Math.min(busy[bin] / lane.rows, 1);
    context.fillStyle = colour(failed[bin] ? 'failed' : 'completed');
    context.fillRect(inner.x + bin, top + 1, 1, height - 2);
  }
  context.globalAlpha = 1;
}

// More at once in one runner share rows: nobody could tell them apart.
const MOST_ROWS = 200;

function lanesOf(report, attempts) {
  const nodeOf = new Map(report.nodes.map((node) => [node.id, node.name]));
  const byRunner = new Map();
  for (const one of attempts) {
    if (!byRunner.has(one.runner)) byRunner.set(one.runner, []);
    byRunner.get(one.runner).push(one);
  }
  const lanes = [...byRunner].map(([runner, spans]) => {
    const known = runner ? report.runners[runner - 1] : null;
    const free = [];
    for (const [place, one] of spans.entries()) {
      let row = free.findIndex((end) => end <= one.start + 0.0005);
      if (row < 0) row = free.length < MOST_ROWS ? free.length : place % MOST_ROWS;
      free[row] = one.end;
      one.row = row;
    }
    const node = known ? nodeOf.get(known[0]) ?? `node ${known[0]}` : 'unknown';
    return { label: `${node.slice(0, 7)} ${known ? known[2] : ''}`, node, runner, spans, rows: Math.max(free.length, known ? known[1] : 1) };
  });
  return lanes.sort((one, other) => one.node.localeCompare(other.node) || one.runner - other.runner);
}
