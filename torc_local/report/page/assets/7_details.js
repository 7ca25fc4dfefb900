// What is known about one job: under the table when its row is opened.

function detailsOf(report, job) {
  const { columns, asked, states, runners } = report;
  const nodeOf = new Map(report.nodes.map((node) => [node.id, node.name]));
  const whereOf = (runner) => (runner ? `runner ${runners[runner - 1][2]} on ${nodeOf.get(runners[runner - 1][0]) ?? 'another node'}` : 'nowhere');
  const one = asked[columns.asked[job]];
  const name = columns.name[job];
  const rows = [
    ['state', states[columns.state[job]].replace('_', ' ')],
    ['asks for', `${one[1]} cpu, ${inBytes(one[2])}${one[3] ? `, ${one[3]} gpu` : ''}, ${inWords(one[4])} (${one[0]})`],
  ];
  if (reasonOf(report, job)) rows.push(['reason', reasonOf(report, job)]);
  if (report.later[job]) rows.push(['came later', report.later[job] === 'spawn' ? 'spawned by a job' : 'added']);
  const [reads, writes] = report.files[job] ?? [[], []];
  if (reads.length) rows.push(['reads', reads.join('\n')]);
  if (writes.length) rows.push(['writes', writes.join('\n')]);
  const attempts = report.earlier.filter((entry) => entry[0] === job).map(([, run, number, outcome, code, start, took, runner, reason]) =>
    `attempt ${number} of run ${run}: ${outcome}, code ${code}, after ${inWords(took)} on ${whereOf(runner)}, ${moment(report.first + start)}`
    + (reason ? `: ${reason.split('\n')[0]}` : ''));
  if (columns.duration[job] >= 0) {
    const outcome = report.outcome[job] ?? states[columns.state[job]];
    attempts.push(`last attempt, of run ${columns.run[job]}: ${outcome.replace('_', ' ')}, code ${columns.code[job]}, after `
      + `${inWords(columns.duration[job])} on ${whereOf(columns.runner[job])}, ${moment(report.first + columns.start[job] * report.step)}`);
    rows.push(['used', `${inWords(columns.cpu[job])} of processors, ${columns.bound[job] ? 'less than ' : ''}${inBytes(columns.memory[job])}`]);
    if (columns.read?.[job] >= 0) rows.push(['read, wrote', `${inBytes(columns.read[job])}, ${inBytes(columns.written[job])}`]);
    if (columns.wait[job] >= 0) rows.push(['waited', `${inWords(columns.wait[job])} from ready to its start`]);
  }
  const list = element('dl', {});
  const add = (label, ...content) => list.append(element('div', {}, element('dt', {}, label), element('dd', {}, ...content)));
  for (const [label, value] of rows) add(label, value);
  attempts.forEach((line, i) => add(i ? '' : 'attempts', line));
  if (report.earlier_left_out) add('', `earlier attempts of some jobs were left out: ${counted(report.earlier_left_out)}`);
  const quoted = /^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
  add('more', element('code', {}, `${report.command} job ${quoted} -w ${report.workflow.id}`), element('br', {}),
    element('code', {}, `${report.command} logs ${quoted} -w ${report.workflow.id}`));
  const made = [element('h3', {}, name), list];
  const block = (label, text) => made.push(element('p', { class: 'note' }, label), element('pre', {}, text));
  if (columns.command) block('command', columns.command[job]);
  const said = report.said[job];
  if (said?.[1].length) block(`last lines of its ${said[0]}`, said[1].join('\n'));
  if (said?.[2]) block('to run it by hand', said[2]);
  return made;
}
