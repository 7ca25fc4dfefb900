// What all charts share: a canvas in the pixels of the screen, axes, colours of the page, and one stretch of time.

const MARGIN = { left: 64, right: 8, top: 6, bottom: 20 };

const colours = () => {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
};

// The stretch of time in sight, in seconds after the first start; charts are drawn again when it changes.
class Stretch {
  constructor(from, to, whole) {
    this.whole = whole;
    this.first = [from, to];
    [this.from, this.to] = this.first;
    this.charts = [];
  }

  show(from, to) {
    const [least, most] = this.whole;
    const shortest = Math.max((most - least) / 1e6, 0.001);
    const length = Math.min(Math.max(to - from, shortest), Math.max(most - least, shortest));
    this.from = Math.min(Math.max(from, least), Math.max(most - length, least));
    this.to = this.from + length;
    this.draw();
  }

  zoom(factor, around = (this.from + this.to) / 2) {
    this.show(around - (around - this.from) * factor, around + (this.to - around) * factor);
  }

  move(part) {
    const by = (this.to - this.from) * part;
    this.show(this.from + by, this.to + by);
  }

  draw() {
    cancelAnimationFrame(this.pending);
    this.pending = requestAnimationFrame(() => this.charts.forEach((chart) => chart()));
  }
}

// Begins a drawing: the context, the inner rectangle, and a function from seconds to pixels.
function begin(canvas, stretch) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext('2d');
  context.scale(scale, scale);
  context.font = '11px system-ui, sans-serif';
  const inner = { x: MARGIN.left, y: MARGIN.top, width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  const x = (seconds) => inner.x + (inner.width * (seconds - stretch.from)) / (stretch.to - stretch.from);
  return { context, inner, x, colour: colours() };
}

// The time under the chart, at round distances.
function timeAxis({ context, inner, x, colour }, stretch) {
  const step = roundStep((stretch.to - stretch.from) / Math.max(inner.width / 110, 1));
  context.fillStyle = colour('soft');
  context.strokeStyle = colour('line');
  context.textAlign = 'center';
  context.textBaseline = 'top';
  for (let number = Math.ceil(stretch.from / step); number * step <= stretch.to; number++) {
    const at = x(number * step);
    line(context, at, inner.y, at, inner.y + inner.height);
    context.fillText(number ? inWords(number * step) : '0', Math.min(at, inner.x + inner.width - 20), inner.y + inner.height + 5);
  }
}

function roundStep(least) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400];
  if (least > 1) return steps.find((step) => step >= least) ?? 86400 * Math.ceil(least / 86400);
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find((step) => step * power >= least);
}

// The values beside the chart, at round distances; of bytes, powers of two.
function valueAxis({ context, inner, colour }, most, show, { isBytes = false, isWhole = false } = {}) {
  context.fillStyle = colour('soft');
  context.strokeStyle = colour('line');
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  const wanted = most / Math.max(inner.height / 45, 1);
  const power = 10 ** Math.floor(Math.log10(wanted));
  let step = isBytes ? 2 ** Math.ceil(Math.log2(wanted)) : power * [1, 2, 5, 10].find((one) => one * power >= wanted);
  if (isWhole) step = Math.max(Math.round(step), 1);
  for (let value = 0; value <= most; value += step) {
    const at = inner.y + inner.height * (1 - value / most);
    line(context, inner.x, at, inner.x + inner.width, at);
    context.fillText(show(value), inner.x - 6, Math.max(at, 8));
  }
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, Math.round(y1) + 0.5);
  context.lineTo(x2, Math.round(y2) + 0.5);
  context.stroke();
}

// Small squares with words, from left to right; what does not fit is left out.
function legend({ context, inner, colour }, entries) {
  let x = inner.x + 6;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  for (const [name, words] of entries) {
    const width = context.measureText(words).width;
    if (x + width + 30 > inner.x + inner.width) break;
    context.fillStyle = colour('paper');
    context.globalAlpha = 0.8;
    context.fillRect(x - 4, inner.y + 2, width + 26, 16);
    context.globalAlpha = 1;
    context.fillStyle = colour(name);
    context.fillRect(x, inner.y + 5, 10, 10);
    context.fillStyle = colour('ink');
    context.fillText(words, x + 14, inner.y + 10);
    x += width + 30;
  }
}

// An area from a list of values, one per bin, on top of another list; returns their sums.
function area(context, inner, values, below, most, fill) {
  const sums = values.map((value, i) => value + (below ? below[i] : 0));
  const y = (value) => inner.y + inner.height * (1 - value / most);
  const width = inner.width / values.length;
  context.fillStyle = fill;
  context.beginPath();
  for (let i = 0; i < sums.length; i++) {
    context.lineTo(inner.x + i * width, y(sums[i]));
    context.lineTo(inner.x + (i + 1) * width, y(sums[i]));
  }
  for (let i = sums.length - 1; i >= 0; i--) {
    const base = y(below ? below[i] : 0);
    context.lineTo(inner.x + (i + 1) * width, base);
    context.lineTo(inner.x + i * width, base);
  }
  context.fill();
  return sums;
}

// The mouse and the keys change the stretch in sight.
function steer(canvas, stretch) {
  const secondsAt = (event) => {
    const part = (event.offsetX - MARGIN.left) / (canvas.clientWidth - MARGIN.left - MARGIN.right);
    return stretch.from + Math.min(Math.max(part, 0), 1) * (stretch.to - stretch.from);
  };
  let held = null;
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button === 0) held = { seconds: secondsAt(event), x: event.offsetX };
  });
  canvas.addEventListener('pointerup', (event) => {
    if (held !== null && Math.abs(event.offsetX - held.x) > 4) {
      const other = secondsAt(event);
      stretch.show(Math.min(held.seconds, other), Math.max(held.seconds, other));
    }
    held = null;
  });
  canvas.addEventListener('pointermove', (event) => {
    if (held === null || Math.abs(event.offsetX - held.x) <= 4) return;
    stretch.charts.find((chart) => chart.canvas === canvas)?.();
    const context = canvas.getContext('2d');
    context.fillStyle = colours()('running');
    context.globalAlpha = 0.2;
    context.fillRect(held.x, MARGIN.top, event.offsetX - held.x, canvas.clientHeight - MARGIN.top - MARGIN.bottom);
    context.globalAlpha = 1;
  });
  canvas.addEventListener('dblclick', () => stretch.show(...stretch.whole));
  canvas.addEventListener('wheel', (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    stretch.zoom(event.deltaY > 0 ? 1.25 : 0.8, secondsAt(event));
  }, { passive: false });
  canvas.addEventListener('keydown', (event) => {
    const does = {
      '+': () => stretch.zoom(0.5), '=': () => stretch.zoom(0.5), '-': () => stretch.zoom(2), 0: () => stretch.show(...stretch.whole),
      ArrowLeft: () => stretch.move(-0.25), ArrowRight: () => stretch.move(0.25),
    }[event.key];
    if (does === undefined || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    does();
  });
}
