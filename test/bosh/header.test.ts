import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readExtra, routeHost } from '../../src/bosh/header.js';

test('stream_attrs is an object of strings by names that can be attributes', () => {
  const json = JSON.stringify({
    a: '1',
    'b-c': '2',
    n: 5,
    o: {},
    xmlns: 'x',
    'xmlns:stream': 'x',
    'p:q': 'x',
    id: 'x',
  });
  expect([...readExtra(json)]).toEqual([
    ['a', '1'],
    ['b-c', '2'],
  ]);
});

test.each(['', '[]', 'null', '"a"', '{', '{"a":"1"', `{"a":"${'x'.repeat(2000)}"}`, `{"${'x'.repeat(9000)}":"1"}`])(
  'stream_attrs that are not fit are ignored: %.20s',
  (json) => {
    expect(readExtra(json).size).toBe(0);
  },
);

test('no JSON in stream_attrs pollutes a prototype, throws, or gives a name that is none', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.constant('{"__proto__":{"polluted":"1"},"constructor":"x"}')), (json) => {
      for (const [name, value] of readExtra(json)) {
        expect(name).toMatch(/^(xml:lang|[A-Za-z_][\w.-]*)$/);
        expect(value.length).toBeLessThanOrEqual(1024);
      }
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    }),
  );
});

test.each([
  ['xmpp:example.com:9999', 'example.com'],
  ['xmpp:[::1]:5222', '[::1]'],
  ['example.com:9999', undefined],
  ['xmpp:example.com', undefined],
  ['xmpp:a b:1', undefined],
  [undefined, undefined],
])('7.1 route %s names the host %s', (route, host) => {
  expect(routeHost(route)).toBe(host);
});
