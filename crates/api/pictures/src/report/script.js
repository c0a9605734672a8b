'use strict';
const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });
const tools = (before) => {
  const bar = element('div', '');
  bar.className = 'tools';
  before.before(bar);
  return bar;
};
for (const table of document.querySelectorAll('table[data-search]')) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const bar = tools(table.parentElement);
  const search = element('input', '');
  search.type = 'search';
  search.placeholder = 'Search';
  search.setAttribute('aria-label', 'Search in this table');
  const found = element('span', '');
  found.className = 'intro';
  found.setAttribute('role', 'status');
  bar.append(search, found);
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !words.every((word) => texts[at].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    found.textContent = words.length ? shown + ' of ' + rows.length : rows.length + ' rows';
  };
  search.addEventListener('input', filter);
  filter();
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = element('button', head.textContent);
    button.type = 'button';
    head.replaceChildren(button);
    button.addEventListener('click', () => {
      const up = head.getAttribute('aria-sort') !== 'ascending';
      for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const key = (row) => {
        const cell = row.cells[column];
        return 'o' in cell.dataset ? Number(cell.dataset.o) : cell.textContent;
      };
      const compare = (a, b) =>
        typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true });
      const sorted = rows.map((row) => [key(row), row]).sort((a, b) => (up ? 1 : -1) * compare(a[0], b[0]));
      body.append(...sorted.map((pair) => pair[1]));
    });
  });
}
for (const section of document.querySelectorAll('section')) {
  const all = [...section.querySelectorAll(':scope > details')];
  if (all.length > 1) {
    const button = element('button', 'Open all');
    button.type = 'button';
    tools(all[0]).append(button);
    button.addEventListener('click', () => {
      const open = button.textContent === 'Open all';
      for (const one of all) one.open = open;
      button.textContent = open ? 'Close all' : 'Open all';
    });
  }
}
