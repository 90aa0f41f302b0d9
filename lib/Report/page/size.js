function parts() {
  const matrices = data.allocation.matrices;
  const isHead = matrix => /^output\b/.test(matrix.name);
  const embedding =
      matrices.some(isHead) ? 'embedding' : 'embedding, which is the head too';
  const codes = {[embedding]: 0, 'head': 0, 'attention': 0, 'feed-forward': 0,
                 'other matrices': 0};
  for (const matrix of matrices) {
    const kind = /attn/.test(matrix.name) ? 'attention'
        : /ffn/.test(matrix.name) ? 'feed-forward'
        : /embd/.test(matrix.name) ? embedding
        : isHead(matrix) ? 'head' : 'other matrices';
    codes[kind] += data.bytes[matrix.name].codes;
  }
  const all = what => sum(matrices.map(matrix =>
                                       data.bytes[matrix.name][what]));
  const part = {...codes, 'orders of columns': all('order'),
                'scales of columns': all('column_scales'),
                'scales of rows': all('row_scales'),
                'scales of segments': all('segment_scales'),
                'scales and zeros of groups': all('groups'),
                'padding': all('padding'), 'norms': data.norm_bytes,
                'header': data.header_bytes};
  const whole = data.allocation.file_bytes;
  const body = element('tbody');
  for (const [name, own] of Object.entries(part))
    if (own)
      body.append(element('tr', null, {'data-part': own}, element('td', name),
                          element('td', bytes(own)),
                          element('td', percent(own, whole))));
  body.append(element('tr', null, {}, element('th', 'the weight file'),
                      element('th', bytes(whole)), element('th', '100.0 %')));
  at('parts').append(body);
}

function curve() {
  if (!data.curve.length) {
    at('curve').append(element('p', noLosses));
    return;
  }
  const [w, h, left, bottom] = [720, 300, 60, 36];
  const points = data.curve.filter(p => p.loss > 0);
  const log = Math.log10;
  const maxX = Math.max(...points.map(p => p.bytes));
  const losses = points.map(p => log(p.loss));
  const [low, high] = [Math.floor(Math.min(...losses)),
                       Math.ceil(Math.max(...losses))];
  const x = place => left + (w - left - 36) * place / maxX;
  const y = loss => 10 + (h - bottom - 10) * (high - log(loss)) / (high - low);
  const svg = (name, attributes, text) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes))
      made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const picture = svg('svg', {viewBox: `0 0 ${w} ${h}`, role: 'img',
      'aria-label': 'expected loss over the size of the weight file',
      style: 'max-width:100%;width:720px'});
  for (let power = low; power <= high; ++power)
    picture.append(
        svg('line', {x1: left, x2: w - 36, y1: y(10 ** power),
                     y2: y(10 ** power), stroke: 'var(--line)'}),
        svg('text', {x: left - 8, y: y(10 ** power) + 4, 'text-anchor': 'end'},
            power < -2 || power > 3 ? `1e${power}` : String(10 ** power)));
  const weights = data.allocation.weights;
  for (let bits = 2; bits * weights / 8 <= maxX; bits += 2)
    picture.append(
        svg('text', {x: x(bits * weights / 8), y: h - 18,
                     'text-anchor': 'middle'}, `${bits} bits`),
        svg('text', {x: x(bits * weights / 8), y: h - 4,
                     'text-anchor': 'middle'},
            size(bits * weights / 8)));
  picture.append(svg('polyline', {fill: 'none', stroke: 'currentColor',
      'stroke-width': 1.5,
      points: points.map(p => `${x(p.bytes)},${y(p.loss)}`).join(' ')}));
  const a = data.allocation;
  if (a.loss > 0)
    picture.append(
        svg('circle', {cx: x(a.file_bytes), cy: y(a.loss), r: 5,
                       fill: 'var(--mark)', id: 'chosen'}),
        svg('text', {x: x(a.file_bytes) + 9, y: y(a.loss) - 6},
            `${number(a.bits_per_weight, 2)} bits, ${a.loss.toPrecision(4)}`));
  at('curve').append(picture, element('p',
      'Expected loss of the best allocation at each size, as the losses of ' +
      'blocks foretell it; the mark is this model.'));
}
