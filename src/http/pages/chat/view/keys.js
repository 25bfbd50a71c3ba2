// What the keyboard does everywhere; what it does in a list or a box is there. The help (?) lists all of it.

import { find } from './dom.js';

export function keys({ finder, entrance, about, file, step, console, leave, composer }) {
  const dialog = find('#help');
  addEventListener('keydown', (event) => {
    if (find('#room').hidden || event.isComposing) return;
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    const deed = [
      [command && key === 'k', finder],
      [command && key === 'j', entrance],
      [command && key === 'i', about],
      [command && key === 'u', file],
      [command && key === '.', console],
      [event.altKey && key === 'arrowdown', () => step(1)],
      [event.altKey && key === 'arrowup', () => step(-1)],
      [key === '?' && !isWriting(event.target), () => dialog.showModal()],
      [key === '/' && !command && !isWriting(event.target), composer],
      [key === 'escape' && !find('dialog[open]'), leave],
    ].find(([meant]) => meant)?.[1];
    if (!deed) return;
    event.preventDefault();
    deed();
  });
}

function isWriting(element) {
  return /^(?:INPUT|TEXTAREA|SELECT)$/.test(element.tagName);
}
