function bar(segments, columns) {
  return element('div', null, {class: 'bar'}, ...segments.map(s =>
      element('span', s.columns / columns > 0.04 ? s.bits : '', {
        style: `width:${100 * s.columns / columns}%;` + colour(s.bits),
        title: `${s.columns} columns of ${s.bits} bits`, 'data-segment': '',
      })));
}

// A row for each block as stored, a column for each width, the chosen marked.
function lossTable(blocks) {
  const head = element('thead', null, {}, element('tr', null, {},
      element('th', 'columns'), ...data.widths.map(
          width => element('th', `${width} bits`))));
  const body = element('tbody');
  let first = 0;
  for (const block of blocks) {
    body.append(element('tr', null, {'data-block': ''},
        element('td', `${first} to ${first + block.columns - 1}`),
        ...block.losses.map((loss, i) => element('td', loss.toExponential(2),
            i === block.width ? {class: 'chosen', 'data-loss': loss} : {}))));
    first += block.columns;
  }
  return element('details', null, {},
      element('summary', 'what each block would lose at each width'),
      element('div', null, {class: 'losses', tabindex: '0'},
              element('table', null, {class: 'rows'}, head, body)));
}

// The name of a matrix behind '#'; nothing is as good as a broken address.
function chosenName() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch (error) {
    return '';
  }
}

function showDetail() {
  const name = chosenName();
  const cell = cells.get(name);
  for (const other of document.querySelectorAll('[data-cell]'))
    other.setAttribute('aria-pressed', String(other.dataset.cell === name));
  const detail = at('detail');
  detail.replaceChildren();
  if (!cell) return;
  const {matrix} = cell;
  detail.append(element('h2', name), element('p',
      `${number(cell.bits, 3)} bits; ${cell.rows} rows of ${matrix.columns} ` +
      'columns in the order in which they are stored. ' +
      (cell.name === matrix.name ? '' :
                   `Packed in ${matrix.name}, ${number(matrix.bits, 3)} bits ` +
                   'with scales and order.')));
  const losses = data.blocks[matrix.name];
  if (!losses && data.curve.length)
    detail.append(element('p', 'Its blocks are not those of the losses, which ' +
                          'are therefore not shown.'));
  for (const panel of cell.panels) {
    const counts = panel.segments.map(s => `${s.columns} x ${s.bits}`);
    detail.append(element('div', null, {class: 'panel'},
        element('div', `${panel.rows} rows: ${counts.join(', ')}`),
        bar(panel.segments, matrix.columns),
        ...(losses ? [lossTable(losses.panels[matrix.panels.indexOf(panel)])]
                   : [])));
  }
}
