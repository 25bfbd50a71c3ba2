// Software version (XEP-0092): the name and version of this server, and not what it runs on.

import { readFileSync } from 'node:fs';
import type { Module } from '../core/module.js';
import { escapeText } from '../xmpp/escape.js';

const VERSION = 'jabber:iq:version';

export const version: Module = {
  name: 'version',
  about: 'Tells which software this is.',
  specifications: [{ id: 'XEP-0092', name: 'Software Version', version: '1.1' }],
  load({ hooks }) {
    const about = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const inside = ['name', 'version'].map((what) => `<${what}>${escapeText(String(about[what]))}</${what}>`);
    hooks.iq('get', 'host', VERSION, 'query', () => `<query xmlns='${VERSION}'>${inside.join('')}</query>`);
    hooks.on('disco/host', ({ features }) => void features.add(VERSION));
  },
};
