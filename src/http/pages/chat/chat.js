// The chat page as it is first seen: the door, and what a window kept before a reload. All else (inside.js) is loaded once
// somebody types, or is in already. All that the page knows of its server is in config.json.

import { later } from './later.js';
import { invitation } from './links.js';
import * as session from './session.js';
import { Door } from './view/door.js';

const inside = later(() => import('./inside.js'));
const before = session.begin();
if (before) inside().catch(() => {});

export const config = await (await fetch('chat/config.json')).json();
export const door = new Door(config, (said) => within((page) => page.enter(said)));

if (before) within((page) => page.restore(before));
else door.open({ invitation: invitation() });
addEventListener('input', () => inside().catch(() => {}), { once: true });

// Not awaited here: inside.js begins when this file is done.
async function within(work) {
  const page = await inside().catch(() => undefined);
  if (page) return work(page);
  door.open({ failure: 'The server cannot be reached.', invitation: invitation() });
}
