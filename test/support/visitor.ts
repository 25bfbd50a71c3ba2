// A module that does nothing but show the host it is loaded on.

import type { Host } from '../../src/core/host.js';
import type { Module } from '../../src/core/module.js';

export function visitor(): { readonly module: Module; readonly host: Promise<Host> } {
  let show: (host: Host) => void = () => {};
  const host = new Promise<Host>((resolve) => {
    show = resolve;
  });
  return { module: { name: 'visitor', about: 'For tests.', specifications: [], load: (it) => show(it) }, host };
}
