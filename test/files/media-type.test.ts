import { expect, test } from 'vitest';
import { MediaTypes, mediaType } from '../../src/files/media-type.js';

test.each([
  ['image/png', 'image/png'],
  ['Image/SVG+XML; charset=utf-8', 'image/svg+xml'],
  [' text/plain ;x', 'text/plain'],
  ['text', undefined],
  ['text/', undefined],
  ['/plain', undefined],
  ['', undefined],
  ['text/plain\r\nx: y', undefined],
  ['text/pl ain', undefined],
  ['a/b/c', undefined],
  ['é/a', undefined],
  [`a/${'b'.repeat(200)}`, undefined],
])('the type of %j is %j', (said, type) => {
  expect(mediaType(said)).toBe(type);
});

test('a list of types takes those that it names, and those below what it names', () => {
  const types = new MediaTypes(['image/*', 'Text/Plain']);
  const taken = ['image/png', 'text/plain', 'text/html', 'imagex/png'].filter((type) => types.has(type));
  expect(taken).toEqual(['image/png', 'text/plain']);
  expect(new MediaTypes([]).has('any/thing')).toBe(true);
});
