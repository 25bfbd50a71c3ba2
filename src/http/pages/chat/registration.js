// XEP-0077: a new account on a stream that is not yet authenticated.

import { child, NS, newId, problem, xml } from './xml.js';

const SENTENCES = {
  conflict: 'This name is taken: log in, or choose another.',
  'not-acceptable': 'The server does not accept this name or password.',
  'not-allowed': 'This server lets nobody register.',
  'service-unavailable': 'This server lets nobody register.',
  'resource-constraint': 'Too many registrations at the moment: try again later.',
};

/** Resolves once the account is there; rejects with a sentence. */
export async function register(strophe, { domain, name, password }) {
  const form = await ask(
    strophe,
    xml('iq', { type: 'get', to: domain, id: newId() }, xml('query', { xmlns: NS.register })),
  );
  const query = child(form, 'query', NS.register);
  const others = [...(query?.children ?? [])].filter(
    ({ localName, namespaceURI }) =>
      namespaceURI === NS.register && !['username', 'password', 'instructions', 'email', 'name'].includes(localName),
  );
  if (!query || !child(query, 'username')) throw new Error('This server wants more than a name and a password.');
  if (others.some(({ localName }) => localName === 'registered')) throw new Error(SENTENCES.conflict);
  const fields = [xml('username', {}, name), xml('password', {}, password)];
  await ask(
    strophe,
    xml('iq', { type: 'set', to: domain, id: newId() }, xml('query', { xmlns: NS.register }, ...fields)),
  );
}

function ask(strophe, iq) {
  return new Promise((resolve, reject) => {
    const answered = (answer) => {
      if (answer.getAttribute('type') === 'result') resolve(answer);
      else reject(new Error(sentence(problem(answer))));
      return false;
    };
    const handler = strophe.addHandler(answered, null, 'iq', ['result', 'error'], iq.getAttribute('id'));
    // Strophe runs handlers of the user only after the login.
    handler.user = false;
    strophe.send(iq);
  });
}

function sentence({ condition, text }) {
  return SENTENCES[condition] ?? `The server refused: ${text}.`;
}
