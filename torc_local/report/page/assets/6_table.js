// The table of all jobs: an order of places, of which only those in sight become rows.

const ROW_HEIGHT = 28;
// Browsers have a largest height for an element; beyond it, rows are reached in coarser steps.
const MOST_HEIGHT = 10_000_000;

function columnsOf(report) {
  const { columns, asked, states, families, runners } = report;
  const nodeOf = new Map(report.nodes.map((node) => [node.id, node.name]));
  const text = (name, title, width, value) => ({ name, title, width, value, show: value });
  const number = (name, title, width, value, show) => ({ name, title, width, value, show: (job) => show(value(job), job), isNumber: true });
  const efficiency = (job) => columns.cpu[job] / (columns.duration[job] * Math.max(asked[columns.asked[job]][1], 1));
  const made = [
    number('id', 'id', '5rem', (job) => columns.id[job], String),
    text('name', 'job', 'minmax(11rem, 2fr)', (job) => columns.name[job]),
    text('state', 'state', '8rem', (job) => states[columns.state[job]]),
    text('family', 'family', 'minmax(7rem, 1fr)', (job) => families[columns.family[job]] || columns.name[job]),
    number('start', 'start', '6.5rem', (job) => (columns.duration[job] >= 0 ? columns.start[job] * report.step : NaN),
      (value) => (value >= 0 ? `+${inWords(value)}` : '-')),
    number('wait_s', 'waited', '6rem', (job) => columns.wait[job], inWords),
    number('run_s', 'run time', '6rem', (job) => columns.duration[job], inWords),
    number('cpu_s', 'cpu time', '6rem', (job) => columns.cpu[job], inWords),
    number('efficiency', 'efficiency', '6rem', efficiency, (value) => (value >= 0 ? `${Math.round(100 * value)} %` : '-')),
    number('memory_bytes', 'peak memory', '8.5rem', (job) => columns.memory[job],
      (value, job) => (columns.bound[job] ? '<' : '') + inBytes(value)),
    number('attempts', 'attempts', '6rem', (job) => columns.tries[job], String),
    number('return_code', 'code', '4rem', (job) => (columns.tries[job] ? columns.code[job] : NaN), (value) => (value === value ? String(value) : '-')),
    text('node', 'node', '6rem', (job) => {
      const runner = columns.runner[job];
      return runner ? nodeOf.get(runners[runner - 1][0]) ?? `node ${runners[runner - 1][0]}` : '';
    }),
    text('reason', 'reason', 'minmax(10rem, 2fr)', (job) => reasonOf(report, job).split('\n')[0]),
  ];
  return made;
}

function reasonOf(report, job) {
  const place = report.reason[job];
  return place === undefined ? '' : report.reasons[place];
}

class JobsTable {
  constructor(place, report) {
    this.report = report;
    this.columns = columnsOf(report);
    this.order = Uint32Array.from({ length: report.jobs }, (_, job) => job);
    this.sorted = { column: null, falling: false };
    this.selected = 0;
    this.build(place);
    this.filter();
  }

  build(place) {
    const { report } = this;
    this.search = element('input', { type: 'search', placeholder: 'name, command or reason', 'aria-label': 'filter by name, command or reason' });
    this.state = element('select', { 'aria-label': 'filter by state' }, element('option', { value: '' }, 'every state'));
    const counts = new Map();
    for (let job = 0; job < report.jobs; job++) counts.set(report.columns.state[job], (counts.get(report.columns.state[job]) ?? 0) + 1);
    for (const [state, count] of [...counts].sort(([one], [other]) => one - other)) {
      this.state.append(element('option', { value: state }, `${report.states[state].replace('_', ' ')} (${counted(count)})`));
    }
    this.family = element('select', { 'aria-label': 'filter by family' }, element('option', { value: '' }, 'every family'));
    const named = [...report.families.entries()].filter(([, name]) => name).slice(0, 500);
    for (const [number, name] of named) this.family.append(element('option', { value: number }, name));
    this.found = element('output', {});
    const csv = element('button', { type: 'button' }, 'CSV');
    const json = element('button', { type: 'button' }, 'JSON');
    csv.addEventListener('click', () => this.download('csv'));
    json.addEventListener('click', () => this.download('json'));
    for (const control of [this.search, this.state, this.family]) control.addEventListener('input', () => this.filterSoon());
    place.append(element('div', { class: 'controls' }, this.search, this.state, this.family, 'download', csv, json, this.found));

    const heads = element('div', { class: 'row heads', role: 'row' });
    this.heads = this.columns.map((column) => {
      const button = element('button', { type: 'button' }, column.title);
      button.addEventListener('click', () => this.sort(column));
      const head = element('div', { role: 'columnheader', class: column.isNumber ? 'n' : '', 'aria-sort': 'none' }, button);
      heads.append(head);
      return head;
    });
    this.window = element('div', { class: 'window', role: 'rowgroup' });
    this.body = element('div', { class: 'body' }, this.window);
    this.grid = element('div', { class: 'jobs', role: 'grid', tabindex: '0', 'aria-label': 'all jobs' }, heads, this.body);
    this.grid.style.setProperty('--columns', this.columns.map((column) => column.width).join(' '));
    this.grid.style.setProperty('--least', '95rem');
    this.details = element('div', { class: 'job-details', 'aria-live': 'polite' });
    place.append(this.grid, this.details);
    this.grid.addEventListener('scroll', () => this.drawSoon());
    this.grid.addEventListener('keydown', (event) => this.key(event));
    this.window.addEventListener('click', (event) => {
      const row = event.target.closest('[data-place]');
      if (row) this.select(Number(row.dataset.place), true);
    });
    new ResizeObserver(() => this.drawSoon()).observe(this.grid);
  }

  filterSoon() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.filter(), 120);
  }

  filter() {
    const { report } = this;
    const { name, command, state, family } = report.columns;
    const words = this.search.value.toLowerCase();
    const wantedState = this.state.value === '' ? null : Number(this.state.value);
    const wantedFamily = this.family.value === '' ? null : Number(this.family.value);
    const kept = [];
    for (let job = 0; job < report.jobs; job++) {
      if (wantedState !== null && state[job] !== wantedState) continue;
      if (wantedFamily !== null && family[job] !== wantedFamily) continue;
      if (words && !name[job].toLowerCase().includes(words) && !(command && command[job].toLowerCase().includes(words))
        && !reasonOf(report, job).toLowerCase().includes(words)) continue;
      kept.push(job);
    }
    this.order = Uint32Array.from(kept);
    this.arrange();
    this.selected = 0;
    this.grid.scrollTop = 0;
    this.found.value = `${counted(kept.length)} of ${counted(report.jobs)} jobs`;
    this.draw();
  }

  sort(column) {
    this.sorted = { column, falling: this.sorted.column === column ? !this.sorted.falling : Boolean(column.isNumber) };
    this.heads.forEach((head, i) => {
      const is = this.columns[i] === column;
      head.setAttribute('aria-sort', is ? (this.sorted.falling ? 'descending' : 'ascending') : 'none');
      head.firstChild.textContent = this.columns[i].title + (is ? (this.sorted.falling ? ' ▼' : ' ▲') : '');
    });
    this.arrange();
    this.grid.scrollTop = 0;
    this.draw();
  }

  // By the chosen column; nothing comes last either way, and equals stay in the order of the jobs.
  arrange() {
    const { column, falling } = this.sorted;
    if (column === null) return;
    const sign = falling ? -1 : 1;
    const values = new Map();
    for (const job of this.order) values.set(job, column.value(job));
    const nothing = (value) => value === '' || value !== value;
    this.order.sort((one, other) => {
      const [a, b] = [values.get(one), values.get(other)];
      if (nothing(a) || nothing(b)) return nothing(a) - nothing(b) || one - other;
      return (a < b ? -sign : a > b ? sign : 0) || one - other;
    });
  }

  drawSoon() {
    cancelAnimationFrame(this.pending);
    this.pending = requestAnimationFrame(() => this.draw());
  }

  draw() {
    const count = this.order.length;
    const height = Math.min(count * ROW_HEIGHT, MOST_HEIGHT);
    this.body.style.height = `${height}px`;
    const inSight = Math.ceil(this.grid.clientHeight / ROW_HEIGHT) + 1;
    const room = Math.max(height - (this.grid.clientHeight - ROW_HEIGHT), 1);
    const part = Math.min(this.grid.scrollTop / room, 1);
    const isWhole = count * ROW_HEIGHT <= MOST_HEIGHT;
    const exact = isWhole ? this.grid.scrollTop / ROW_HEIGHT : part * Math.max(count - inSight + 2, 0);
    const first = Math.max(Math.floor(exact), 0);
    this.window.style.top = `${isWhole ? first * ROW_HEIGHT : this.grid.scrollTop}px`;
    this.first = first;
    const rows = [];
    for (let place = first; place < Math.min(first + inSight, count); place++) rows.push(this.row(place));
    this.window.replaceChildren(...rows);
    this.grid.setAttribute('aria-rowcount', count);
  }

  row(place) {
    const job = this.order[place];
    const row = element('div', { class: 'row data', role: 'row', 'data-place': place, 'aria-rowindex': place + 1,
      'aria-selected': place === this.selected });
    for (const column of this.columns) {
      const cell = element('div', { role: 'gridcell', class: column.isNumber ? 'n' : '' });
      const shown = column.show(job);
      if (column.name === 'state') cell.append(element('span', { class: `key s-${shown}` }), shown.replace('_', ' '));
      else cell.textContent = shown;
      row.append(cell);
    }
    return row;
  }

  key(event) {
    const page = Math.max(Math.floor(this.grid.clientHeight / ROW_HEIGHT) - 2, 1);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (event.target !== this.grid) return;
    if (by !== undefined) this.select(Math.min(Math.max(this.selected + by, 0), this.order.length - 1), false);
    else if (event.key === 'Enter') this.select(this.selected, true);
    else return;
    event.preventDefault();
  }

  select(place, open) {
    if (place < 0 || place >= this.order.length) return;
    this.selected = place;
    const inSight = Math.floor(this.grid.clientHeight / ROW_HEIGHT) - 2;
    if (this.order.length * ROW_HEIGHT <= MOST_HEIGHT) {
      if (place < this.grid.scrollTop / ROW_HEIGHT) this.grid.scrollTop = place * ROW_HEIGHT;
      if (place > this.grid.scrollTop / ROW_HEIGHT + inSight) this.grid.scrollTop = (place - inSight) * ROW_HEIGHT;
    } else if (place < this.first || place > this.first + inSight) {
      const room = this.body.clientHeight - this.grid.clientHeight + ROW_HEIGHT;
      this.grid.scrollTop = (room * place) / this.order.length;
    }
    this.draw();
    if (open) this.details.replaceChildren(...detailsOf(this.report, this.order[place]));
  }

  download(kind) {
    const { columns } = this;
    const values = (job) => columns.map((column) => column.value(job));
    const parts = [];
    if (kind === 'csv') {
      // What a spreadsheet would take for a formula gets an apostrophe.
      const cell = (value) => {
        if (value !== value) return '';
        const text = typeof value === 'string' ? value.replace(/^[=+\-@\t\r]/, "'$&") : String(value);
        return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
      };
      parts.push(`${columns.map((column) => column.name).join(',')}\n`);
      for (const job of this.order) parts.push(`${values(job).map(cell).join(',')}\n`);
    } else {
      let between = '[\n';
      for (const job of this.order) {
        const item = Object.fromEntries(columns.map((column) => [column.name, column.value(job)]));
        parts.push(between + JSON.stringify(item, (_, value) => (value !== value ? null : value)));
        between = ',\n';
      }
      parts.push(this.order.length ? '\n]\n' : '[]\n');
    }
    const url = URL.createObjectURL(new Blob(parts, { type: kind === 'csv' ? 'text/csv' : 'application/json' }));
    const link = element('a', { href: url, download: `jobs.${kind}` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}
