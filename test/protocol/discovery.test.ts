import { describe, expect } from 'vitest';
import { post } from '../support/bosh-client.js';
import { parseXml } from '../support/xml.js';
import { clauses, subject } from './subject.js';

const { ours } = clauses('bosh');
const RELS = ['urn:xmpp:alt-connections:websocket', 'urn:xmpp:alt-connections:xbosh'];

describe('XEP-0156', () => {
  const s = subject({ public_url: 'https://chat.example' });
  const get = (file: string, headers = {}) => post(`${s.origin}/.well-known/${file}`, '', { method: 'GET', headers });

  ours('2 host-meta is an XRD with both links', async () => {
    const answer = await get('host-meta');
    expect(answer.headers['content-type']).toMatch(/^application\/xrd\+xml/);
    const links = parseXml(answer.text).children.filter((each) => each.name === 'Link');
    expect(links.map((each) => each.attr('rel')).sort()).toEqual(RELS);
    for (const link of links) expect(link.attr('href')).toMatch(/^(https|wss):\/\/chat\.example\//);
  });

  ours('2 host-meta.json is a JRD with both links', async () => {
    const answer = await get('host-meta.json');
    expect(answer.headers['content-type']).toMatch(/json/);
    const { links } = JSON.parse(answer.text);
    expect(links.map((each: { rel: string }) => each.rel).sort()).toEqual(RELS);
    for (const { href } of links) expect(href).toMatch(/^(https|wss):\/\/chat\.example\//);
  });

  ours('3 both may be read from every origin', async () => {
    for (const file of ['host-meta', 'host-meta.json'])
      expect((await get(file, { Origin: 'https://any.example' })).headers['access-control-allow-origin']).toBe('*');
  });
});

describe('XEP-0156 without public_url', () => {
  const s = subject();
  const get = (file: string, headers = {}) => post(`${s.origin}/.well-known/${file}`, '', { method: 'GET', headers });

  ours('2 behind a trusted proxy the links name the host that was asked for', async () => {
    const forwarded = { 'X-Forwarded-Host': 'im.example', 'X-Forwarded-Proto': 'https' };
    const { links } = JSON.parse((await get('host-meta.json', forwarded)).text);
    for (const { href } of links) expect(href).toMatch(/^(https|wss):\/\/im\.example\//);
  });
});
