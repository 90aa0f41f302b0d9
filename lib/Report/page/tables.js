// A step beside the multiplier: below 1, its bytes save more elsewhere.
function stepText(step) {
  const rate = step.saved / step.bytes / data.allocation.multiplier;
  return `${step.columns} columns ${step.from} to ${step.to} bits: ` +
      size(step.bytes) +
      (Number.isFinite(rate) ? `, ${number(rate, 2)} of the multiplier` : '');
}

function expensive() {
  const matrices = data.allocation.matrices.filter(m => m.loss > 0);
  if (!matrices.length) {
    at('expensive').append(element('p', noLosses));
    return;
  }
  const whole = sum(matrices.map(m => m.loss));
  const perWeight = m => m.loss / (m.rows * m.columns);
  const sorted = matrices.map(perWeight).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  const weights = sum(matrices.map(m => m.rows * m.columns));
  const table = element('table', null, {class: 'rows'});
  const titles = ['matrix', 'loss', 'share of loss', 'share of weights', 'bits',
                  'loss per weight, of the median', 'the next width everywhere',
                  'the best step of one block'];
  table.append(element('thead', null, {}, element('tr', null, {},
                       ...titles.map(title => element('th', title)))));
  const body = element('tbody');
  const top = [...matrices].sort((a, b) => b.loss - a.loss).slice(0, 10);
  for (const matrix of top) {
    const count = matrix.rows * matrix.columns;
    const steps = data.blocks[matrix.name];
    body.append(element('tr', null, {'data-expensive': matrix.name},
        ...[matrix.name, matrix.loss.toPrecision(3),
            percent(matrix.loss, whole), percent(count, weights),
            number(matrix.bits, 2), number(perWeight(matrix) / median, 1) + ' x',
            steps ? `saves ${percent(steps.more.saved, whole)} for ` +
                size(steps.more.bytes) : '',
            steps && steps.steepest ? stepText(steps.steepest) : '']
            .map(text => element('td', text))));
  }
  table.append(body);
  at('expensive').append(
      element('div', null, {class: 'scroll'}, table), element('p',
      'A matrix is expensive because its weights matter more than others\' ' +
      '(loss per weight) or because there are many of them. It has no more ' +
      'bits because their bytes save as much or more elsewhere: where its best ' +
      'step saves less than the multiplier by the byte, it is not worth it.'));
}

function stages() {
  const body = element('tbody');
  for (const stage of data.stages)
    body.append(element('tr', null, {},
        element('td', stage.stage), element('td', number(stage.seconds, 2) + ' s'),
        element('td', number(stage.peak_anonymous_bytes / 1e6, 0) + ' MB')));
  body.append(element('tr', null, {}, element('th', 'in all'),
      element('th', number(sum(data.stages.map(s => s.seconds)), 2) + ' s')));
  at('stages').append(body);
}
