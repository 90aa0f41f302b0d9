function heatMap() {
  const inLayers = [...cells.values()].filter(c => c.layer !== null);
  const kinds = [...new Set(inLayers.map(c => c.kind))];
  const layers = [...new Set(inLayers.map(c => c.layer))].sort((a, b) => a - b);
  const button = cell => {
    const made = element('button', number(cell.bits, 2), {
      'data-cell': cell.name, 'aria-pressed': 'false',
      style: colour(cell.bits),
      title: `${cell.name}: ${number(cell.bits, 3)} bits, ${cell.rows} x ` +
             cell.matrix.columns,
    });
    made.onclick = () => { location.hash = encodeURIComponent(cell.name); };
    return made;
  };
  const table = at('heat');
  table.append(element('tr', null, {}, element('th', 'layer'),
                       ...kinds.map(kind => element('th', kind))));
  for (const layer of layers)
    table.append(element('tr', null, {}, element('th', layer), ...kinds.map(
        kind => {
          const cell = inLayers.find(c => c.layer === layer && c.kind === kind);
          return element('td', null, {}, ...(cell ? [button(cell)] : []));
        })));
  for (const cell of cells.values())
    if (cell.layer === null)
      table.append(element('tr', null, {}, element('th', cell.kind),
                           element('td', null, {}, button(cell))));
}
