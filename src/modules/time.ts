// Entity time (XEP-0202): what the clock of this machine says, and where it says so.

import type { Module } from '../core/module.js';

const TIME = 'urn:xmpp:time';

export const time: Module = {
  name: 'time',
  about: 'Tells the time.',
  specifications: [{ id: 'XEP-0202', name: 'Entity Time', version: '2.0' }],
  load({ hooks }) {
    hooks.iq('get', 'host', TIME, 'time', () => {
      const now = new Date();
      return `<time xmlns='${TIME}'><tzo>${offset(-now.getTimezoneOffset())}</tzo><utc>${stampOf(now)}</utc></time>`;
    });
    hooks.on('disco/host', ({ features }) => void features.add(TIME));
  },
};

/** A time as XEP-0082 writes it, to the second. */
export const stampOf = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, 'Z');

/** `+hh:mm`, of minutes east of Greenwich. */
export function offset(minutes: number): string {
  const two = (number: number) => String(Math.trunc(number)).padStart(2, '0');
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(size / 60)}:${two(size % 60)}`;
}
