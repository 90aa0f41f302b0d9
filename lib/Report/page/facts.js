const noLosses = 'No losses were measured here: ' +
    'the scheme needs none, or the model was compressed before.';

function header() {
  const a = data.allocation;
  document.title = data.model + ', picollm report';
  at('title').textContent = data.model;
  at('subtitle').textContent =
      `${data.name}: scheme ${a.scheme || 'pico'}, ${data.date}, picollm ` +
      data.version;
  const facts = [
    [bytes(a.file_bytes), 'bytes of the weight file'],
    [number(a.bits_per_weight, 3), 'bits per weight, all counted'],
    [bytes(a.weights), 'weights'],
  ];
  if (a.gap !== undefined)
    facts.push([a.loss.toPrecision(5), 'expected loss'],
               [number(100 * a.gap, 4) + ' %', 'at most above the best (' +
                a.bound.toPrecision(5) + ')'],
               [a.multiplier.toPrecision(3), 'loss saved by one more byte']);
  for (const [value, what] of facts)
    at('facts').append(element('div', null, {}, element('b', value),
                               element('span', what)));
}
