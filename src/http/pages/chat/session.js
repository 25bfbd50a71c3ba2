// What a window keeps while it is open, so that a reload changes nothing: who it is, its people and conversations, in the
// window's session storage. Never a password: SCRAM's keys, where the server speaks it. And the choices that all windows share.

const STATE = 'chat-state';
const OPEN = 'chat-open';
const CHOICES = 'chat-choices';

/** What was kept before a reload. A copy of a window that is still open begins anew: two cannot share one stream. */
export function begin() {
  return guarded(() => {
    if (sessionStorage.getItem(OPEN) !== null) forget();
    sessionStorage.setItem(OPEN, '1');
    return JSON.parse(sessionStorage.getItem(STATE) ?? 'null') ?? undefined;
  });
}

/** Keeps what `state` returns whenever the page goes. */
export function keep(state) {
  addEventListener('pagehide', () => {
    guarded(() => {
      const kept = state();
      if (kept) sessionStorage.setItem(STATE, JSON.stringify(kept));
      sessionStorage.removeItem(OPEN);
    });
  });
  addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
}

/** Nothing is left of it in the window, neither ours nor Strophe's. */
export function forget() {
  guarded(() => {
    for (const key of Object.keys(sessionStorage)) {
      if (key === STATE || key.startsWith('strophe-')) sessionStorage.removeItem(key);
    }
  });
}

export function choices() {
  return guarded(() => JSON.parse(localStorage.getItem(CHOICES) ?? '{}')) ?? {};
}

export function remember(change) {
  guarded(() => localStorage.setItem(CHOICES, JSON.stringify({ ...choices(), ...change })));
}

// Storage may be forbidden or full.
function guarded(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}
