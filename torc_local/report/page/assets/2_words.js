// Values as people read them, as in the rest of the page (html.py).

function inWords(seconds) {
  if (!(seconds >= 0)) return '-';
  if (seconds < 0.01) return seconds ? `${Number((1000 * seconds).toPrecision(3))}ms` : '0s';
  if (seconds < 10) return `${seconds.toFixed(2)}s`;
  const whole = Math.round(seconds);
  const [days, hours, minutes, rest] = [whole / 86400, (whole / 3600) % 24, (whole / 60) % 60, whole % 60].map(Math.floor);
  const two = (number) => String(number).padStart(2, '0');
  if (days) return `${days}d${two(hours)}h`;
  if (hours) return `${hours}h${two(minutes)}m`;
  return minutes ? `${minutes}m${two(rest)}s` : `${rest}s`;
}

function inBytes(count) {
  if (!(count >= 0)) return '-';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  while (count >= 1023.95 && unit < units.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${unit ? count.toFixed(1) : count} ${units[unit]}`;
}

const counted = (number) => number.toLocaleString('en');
const moment = (seconds) => new Date(1000 * seconds).toISOString().replace('T', ' ').replace(/Z$/, ' UTC');

// An element; texts become text, never HTML.
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
