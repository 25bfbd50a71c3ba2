// Commands as a client gives them (XEP-0050), and forms as people fill them in.

import type { CoreClient } from './core.js';
import type { Xml } from './xml.js';

export const COMMANDS = 'http://jabber.org/protocol/commands';
export const ADMIN = 'http://jabber.org/protocol/admin';

export type Filled = Readonly<Record<string, string | readonly string[]>>;

/** A form that is filled in. */
export function submit(fields: Filled, formType = ADMIN): string {
  const all = Object.entries({ FORM_TYPE: formType, ...fields }).map(([name, values]) => {
    const said = [values].flat().map((value) => `<value>${value}</value>`);
    return `<field var='${name}'>${said.join('')}</field>`;
  });
  return `<x xmlns='jabber:x:data' type='submit'>${all.join('')}</x>`;
}

interface Saying {
  readonly action?: string;
  readonly sessionid?: string;
  readonly lang?: string;
  readonly inside?: string;
}

/** What comes to the host. */
export function commandXml(node: string, { action, sessionid, lang, inside = '' }: Saying = {}): string {
  const attributes = Object.entries({ node, action, sessionid, 'xml:lang': lang })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}='${value}'`);
  return `<command xmlns='${COMMANDS}'${attributes.join('')}>${inside}</command>`;
}

export const command = (client: CoreClient, node: string, saying: Saying = {}, to = 'example.test'): Promise<Xml> =>
  client.ask('set', commandXml(node, saying), to);

/** The session that an answer is of. */
export const sessionOf = (answer: Xml): string => answer.child('command')?.attr('sessionid') ?? '';
export const statusOf = (answer: Xml): string | undefined => answer.child('command')?.attr('status');

/** Begins, fills the one form in, and resolves to the answer. */
export async function run(client: CoreClient, node: string, fields: Filled, to?: string): Promise<Xml> {
  const first = await command(client, node, {}, to);
  if (statusOf(first) !== 'executing') return first;
  return command(client, node, { sessionid: sessionOf(first), action: 'complete', inside: submit(fields) }, to);
}

/** All conditions of an error: the general one, and that of commands. */
export const conditionsOf = (answer: Xml): string[] =>
  (answer.child('error')?.children ?? []).map(({ name }) => name).filter((name) => name !== 'text');

export const errorText = (answer: Xml): string | undefined => answer.child('error')?.child('text')?.text;

/** The values of a field of the form in an answer. */
export const told = (answer: Xml, name: string): string[] | undefined =>
  answer
    .child('command')
    ?.child('x')
    ?.children.find((field) => field.attr('var') === name)
    ?.children.filter((child) => child.name === 'value')
    .map(({ text }) => text);
