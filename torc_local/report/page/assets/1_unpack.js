// The packed table of all jobs: base64, then zlib, then columns. The counterpart of packing.py.

async function unpack(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  const content = new Uint8Array(await new Response(stream).arrayBuffer());
  const headLength = new DataView(content.buffer).getUint32(0, true);
  const decoder = new TextDecoder();
  const about = JSON.parse(decoder.decode(content.subarray(4, 4 + headLength)));
  const columns = {};
  let at = 4 + headLength;
  for (const { name, kind, bytes: length } of about.columns) {
    const part = content.subarray(at, at + length);
    at += length;
    if (kind === 'text') columns[name] = decoder.decode(part).split('\0');
    else if (kind === 'digits') columns[name] = fromDigits(fromPlanes(part, 2, about.jobs));
    else columns[name] = whole(part, kind, about.jobs);
  }
  columns.name = countedOn(columns.name, about.jobs);
  columns.command = about.command_width ? fromTemplates(columns.command, columns.name) : null;
  return { ...about, columns };
}

// Numbers whose bytes lie plane by plane: all lowest bytes first.
function fromPlanes(part, width, count) {
  const numbers = width === 4 ? new Int32Array(count) : width === 2 ? new Uint16Array(count) : new Uint8Array(count);
  for (let plane = 0; plane < width; plane++) {
    const start = plane * count;
    for (let i = 0; i < count; i++) numbers[i] |= part[start + i] << (8 * plane);
  }
  return numbers;
}

function whole(part, kind, count) {
  const numbers = fromPlanes(part, Number(kind[1]), count);
  if (!kind.endsWith('d')) return numbers;
  const sums = new Float64Array(count);
  for (let i = 0, sum = 0; i < count; i++) sums[i] = sum += numbers[i];
  return sums;
}

// Three digits and an exponent; 0 is nothing (NaN), 1 is zero.
function fromDigits(codes) {
  const values = new Float64Array(codes.length);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i];
    if (code < 2) values[i] = code ? 0 : NaN;
    else values[i] = Number(`${((code - 2) % 900) + 100}e${Math.floor((code - 2) / 900) - 14}`);
  }
  return values;
}

const LAST_NUMBER = /([0-9]+)(?=[^0-9]*$)/;

function countedOn(names, count) {
  if (!count) return [];
  let before = '';
  return names.map((name) => {
    if (name === '\x01') {
      name = before.replace(LAST_NUMBER, (number) => String(BigInt(number) + 1n).padStart(number.length, '0'));
    }
    return (before = name);
  });
}

function fromTemplates(texts, names) {
  let before = '';
  return texts.map((text, i) => {
    before = text === '\x02' ? before : text;
    if (!before.includes('\x03') && !before.includes('\x04')) return before;
    const padded = LAST_NUMBER.exec(names[i])[1];
    return before.replaceAll('\x03', padded.replace(/^0+(?=.)/, '')).replaceAll('\x04', padded);
  });
}
