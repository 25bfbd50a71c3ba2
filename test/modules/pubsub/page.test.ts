// Parts of lists (XEP-0059).

import { expect, test } from 'vitest';
import { page } from '../../../src/modules/pubsub/page.js';
import { parseElement } from '../../../src/xmpp/element.js';

const ALL = ['a', 'b', 'c', 'd'];
const RSM = 'http://jabber.org/protocol/rsm';
const asked = (inside?: string) =>
  parseElement(`<query xmlns='q'>${inside === undefined ? '' : `<set xmlns='${RSM}'>${inside}</set>`}</query>`);

test.each([
  [undefined, 4, 'abcd'],
  [undefined, 3, 'abc'],
  ['', 3, 'abc'],
  ['<max>2</max>', 3, 'ab'],
  ['<max>9</max>', 3, 'abc'],
  ['<max>9</max><after>b</after>', 3, 'cd'],
  ['<before/>', 3, 'bcd'],
])('%s of four where %i are shown at most is %s', (inside, limit, shown) => {
  expect(page(ALL, asked(inside), limit).ids.join('')).toBe(shown);
});

test('who asks for all of what is too much is told that it is a part', () => {
  expect(page(ALL, asked()).set).toBe('');
  expect(page(ALL, asked(), 3).set).toContain("<first index='0'>a</first><last>c</last>");
  expect(page(ALL, asked(), 3).set).toContain('<count>4</count>');
});
