import { describe, expect, test } from 'vitest';
import { parseElement, standalone } from '../../src/xmpp/element.js';
import { parseXml } from '../support/xml.js';

describe('an element that leaves its tree', () => {
  /** The first child of the first child, on its own. */
  const alone = (xml: string) => standalone(parseElement(xml).getChildElements()[0].getChildElements()[0]);

  test('declares the prefixes that it uses, as they were declared nearest to it, and no others', () => {
    const xml = alone("<a xmlns:x='urn:far' xmlns:z='urn:z'><b xmlns:x='urn:near'><x:c x:d='1'>x</x:c></b></a>");
    const { ns, name, attributes } = parseXml(xml);
    expect([ns, name]).toEqual(['urn:near', 'c']);
    expect(attributes.map((each) => each.name).sort()).toEqual(['x:d', 'xmlns:x']);
  });

  test('keeps its default namespace', () => {
    expect(parseXml(alone("<a xmlns='urn:a'><b xmlns='urn:b'><c><d/></c></b></a>")).child('d', 'urn:b')).toBeDefined();
    expect(parseXml(alone("<a xmlns='urn:a'><b><c xmlns='urn:c'/></b></a>")).ns).toBe('urn:c');
  });

  test('stays as it is when it needs nothing', () => {
    const c = '<c xmlns="urn:c"><d e="&lt;"/>&amp;</c>';
    expect(alone(`<a><b>${c}</b></a>`)).toBe(c);
  });
});
