// Processors and memory of a node over time against what it has, and why places were idle.

// What a node's jobs added up to at each of some bins: sums of values that jobs have for as long as they run.
function sumsOver(attempts, value, stretch, bins) {
  const sums = new Float64Array(bins);
  const width = (stretch.to - stretch.from) / bins;
  for (const one of attempts) {
    const amount = value(one);
    if (!(amount > 0) || one.end < stretch.from || one.start > stretch.to) continue;
    const from = Math.max((one.start - stretch.from) / width, 0);
    const to = Math.min((one.end - stretch.from) / width, bins);
    for (let bin = Math.floor(from); bin < to; bin++) sums[bin] += amount * (Math.min(to, bin + 1) - Math.max(from, bin));
  }
  return sums;
}

function nodeChart(canvas, report, attempts, stretch) {
  const node = report.nodes[Number(canvas.dataset.node)];
  const { columns, asked } = report;
  const here = attempts.filter((one) => one.runner && report.runners[one.runner - 1][0] === node.id);
  const isCpu = canvas.dataset.chart === 'cpu';
  const usedBy = isCpu
    ? (one) => (one.isLast && one.end > one.start ? columns.cpu[one.job] / (one.end - one.start) : 0)
    : (one) => (one.isLast && !columns.bound[one.job] ? columns.memory[one.job] : 0);
  const reserved = isCpu
    ? (one) => (node.counts_jobs ? 1 : asked[columns.asked[one.job]][1])
    : (one) => asked[columns.asked[one.job]][2];
  const waited = attempts.filter((one) => one.wait > 0);
  const waitedFor = asked.map((one, number) => ({
    needs: node.counts_jobs ? 1 : Math.max(one[1], 1),
    spans: waited.filter((job) => columns.asked[job.job] === number).map((job) => ({ start: job.start - job.wait, end: job.start })),
  }));
  const capacity = isCpu ? (node.counts_jobs ? node.slots : node.cpus) : node.memory;
  return () => {
    const drawing = begin(canvas, stretch);
    const { context, inner, x, colour } = drawing;
    const bins = Math.max(Math.floor(inner.width / 2), 1);
    const taken = Array.from(sumsOver(here, reserved, stretch, bins));
    const busy = Array.from(sumsOver(here, usedBy, stretch, bins));
    const measured = node.curve.map(([at, cpu, memory]) => [at, isCpu ? (cpu === null ? null : (cpu / 100) * node.cpus) : memory]);
    const show = isCpu ? (value) => Number(value.toPrecision(3)) : inBytes;
    const showsReserved = isCpu || report.asked.some((one) => one[5] & 1);
    let used = 0;
    for (const value of showsReserved ? [...busy, ...taken] : busy) used = Math.max(used, value);
    for (const [, value] of measured) used = Math.max(used, value ?? 0);
    if (!isCpu && used === 0) {
      timeAxis(drawing, stretch);
      context.fillStyle = colour('soft');
      context.textAlign = 'left';
      context.fillText('no job was large or long enough to tell', inner.x + 8, inner.y + inner.height / 2);
      return;
    }
    // What is far from all there is would be a line at the bottom.
    const most = isCpu || used > capacity / 4 ? Math.max(capacity, used) : Math.max(used * 1.3, 1);
    if (showsReserved) area(context, inner, taken, null, most, colour('disabled'));
    area(context, inner, busy, null, most, colour('running'));
    if (measured.length) curve(drawing, measured, most, x);
    timeAxis(drawing, stretch);
    valueAxis(drawing, most, show, { isBytes: !isCpu });
    if (capacity <= most) {
      context.strokeStyle = colour('failed');
      const roof = inner.y + inner.height * (1 - capacity / most);
      line(context, inner.x, roof, inner.x + inner.width, roof);
    }
    if (isCpu) idleStrip(drawing, stretch, taken, waitedFor, capacity);
    legend(drawing, [...(showsReserved ? [['disabled', isCpu && node.counts_jobs ? 'slots taken' : 'asked for by jobs that run']] : []),
      ['running', isCpu ? 'used by jobs (mean of each)' : 'most of each job that runs, where known'],
      ...(measured.length ? [['ink', 'the whole node, as sampled']] : []),
      ['failed', isCpu && node.counts_jobs ? `${node.slots} slots` : `all there is: ${show(capacity)}`]]);
  };
}

function curve({ context, inner, colour }, points, most, x) {
  context.save();
  context.beginPath();
  context.rect(inner.x, inner.y, inner.width, inner.height);
  context.clip();
  context.strokeStyle = colour('ink');
  context.lineWidth = 1.5;
  context.beginPath();
  for (const [at, value] of points) if (value !== null) context.lineTo(x(at), inner.y + inner.height * (1 - value / most));
  context.stroke();
  context.restore();
}

// Under the processors: where places were idle, and why.
function idleStrip({ context, inner, colour }, stretch, taken, waitedFor, capacity) {
  const bins = taken.length;
  const width = inner.width / bins;
  const kinds = waitedFor.map(({ needs, spans }) => ({ needs, waiting: sumsOver(spans, () => 1, stretch, bins) }));
  for (let bin = 0; bin < bins; bin++) {
    const idle = capacity - taken[bin];
    if (idle < 0.02 * capacity) continue;
    const ready = kinds.filter(({ waiting }) => waiting[bin] >= 0.01);
    const why = !ready.length ? 'none' : ready.every(({ needs }) => idle < needs) ? 'unfit' : 'between';
    context.fillStyle = colour(why);
    context.fillRect(inner.x + bin * width, inner.y + inner.height + 1, width + 0.5, 3);
  }
}
