'use strict';
addEventListener('error', event => {
  document.body.dataset.error = event.message;
});
const data = JSON.parse(document.getElementById('data').textContent);
const at = id => document.getElementById(id);

function element(name, text, attributes = {}, ...children) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(attributes))
    made.setAttribute(key, value);
  made.append(...children);
  return made;
}
const number = (value, digits) => value.toFixed(digits);
const bytes = value => value.toLocaleString('en-US');
function size(value) {
  for (const [unit, scale] of [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]])
    if (value >= scale)
      return (value / scale).toPrecision(3) + ' ' + unit;
  return value.toFixed(0) + ' B';
}
const percent = (part, whole) =>
    number(whole > 0 ? 100 * part / whole : 0, 1) + ' %';
const sum = values => values.reduce((a, b) => a + b, 0);

// Blue to yellow, even in lightness and without red beside green (after viridis).
const scale = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98],
               [253, 231, 37]];
function colour(bits) {
  const place = Math.min(Math.max(bits, 0) / 8, 1) * (scale.length - 1);
  const low = Math.min(Math.floor(place), scale.length - 2);
  const rgb = scale[low].map(
      (c, i) => Math.round(c + (place - low) * (scale[low + 1][i] - c)));
  const light = 0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2] > 140;
  return `background:rgb(${rgb});color:${light ? '#111' : '#fff'}`;
}

// Panels of one source are one cell, whatever matrix packs them.
const cells = new Map();
for (const matrix of data.allocation.matrices)
  for (const panel of matrix.panels) {
    const name = panel.source ?? matrix.name;
    if (!cells.has(name)) cells.set(name, {name, matrix, panels: []});
    cells.get(name).panels.push(panel);
  }
for (const cell of cells.values()) {
  const place = /^blk\.(\d+)\.(.*?)(\.weight)?$/.exec(cell.name);
  cell.layer = place ? Number(place[1]) : null;
  cell.kind = place ? place[2] : cell.name.replace(/\.weight$/, '');
  cell.rows = sum(cell.panels.map(p => p.rows));
  cell.bits = sum(cell.panels.map(panel =>
      panel.rows * sum(panel.segments.map(s => s.bits * s.columns)))) /
      (cell.rows * cell.matrix.columns);
}
