// A page for each module, and a list of them: what docs/modules holds. All of it comes from the modules and their options.

import { optionTable } from '../config/manual.js';
import { clientProxyOptions, moduleOptions, mucOptions, pubsubOptions, uploadOptions } from '../config/modules.js';
import type { Option } from '../config/option.js';
import type { ComponentModule, Module } from '../core/module.js';
import type { Workings } from './recorded.js';
import { implemented, linked } from './specifications.js';

/** What `docs/modules/README.md` holds. */
export function moduleIndex(modules: readonly Module[], components: readonly ComponentModule[]): string {
  const list = implemented([...modules, ...components]).map((each) => [
    linked(each),
    each.name,
    each.version ?? '',
    each.by.map((by) => (by === 'edge' ? by : page(by))).join(', '),
  ]);
  return `${INTRODUCTION}
${moduleTable(modules)}
## Of components

What a component does that runs in here: \`components.<domain>.module\` names one. [components.md](../components.md) shows how to use it.

${moduleTable(components)}
## Specifications

What is implemented, and in which version. \`edge\` are the listeners and the proxy, which serve domains of other servers too;
[conformance.md](../conformance.md) goes through their clauses one by one, [conformance-core.md](../conformance-core.md) through those of the core.

${table(['specification', '', 'version', 'by'], list)}`;
}

/** A module, of whatever hosts. */
type Named = Pick<Module, 'name' | 'about' | 'specifications' | 'needs'>;

function moduleTable(modules: readonly Named[]): string {
  const rows = modules.map(({ name, about, specifications, needs = [] }) => [
    page(name),
    about,
    specifications.map(linked).join(', '),
    needs.map(page).join(', '),
  ]);
  return table(['module', '', 'specifications', 'needs'], rows);
}

/** What `docs/modules/<name>.md` holds. */
export function modulePage(module: Named, work: Workings, modules: readonly Named[]): string {
  const { name, about, specifications, needs = [] } = module;
  const needed = modules.filter((each) => each.needs?.includes(name)).map((each) => each.name);
  const related = [
    needs.length > 0 && `Needs ${needs.map(page).join(', ')}.`,
    needed.length > 0 && `Needed by ${needed.map(page).join(', ')}.`,
  ].filter((sentence) => sentence);
  const parts = [
    `# ${name}\n\n${about}\n`,
    related.length > 0 && `${related.join(' ')}\n`,
    specifications.length > 0 &&
      table(
        ['specification', '', 'version'],
        specifications.map((each) => [linked(each), each.name, each.version ?? '']),
      ),
    options(name),
    ...sections(work),
    `This page is written by \`bosh-server config modules ${name}\`.\n`,
  ];
  return parts.filter((part) => part).join('\n');
}

const INTRODUCTION = `# Modules

What the domains of this server can do is the work of modules. All are loaded, unless \`domains.<domain>.modules\` lists those
that are; what is said to one stands in \`domains.<domain>.options.<module>\` ([configuration.md](../configuration.md)). A module
that others need is loaded before them, and unloaded after them. [writing-a-module.md](../writing-a-module.md) shows how to bring
one of your own.

These pages are written by \`npm run generate\`.
`;

const OF_COMPONENTS = new Map<string, Option<unknown>>([
  ['client_proxy', clientProxyOptions],
  ['muc', mucOptions],
  ['pubsub', pubsubOptions],
  ['upload', uploadOptions],
]);

function options(name: string): string {
  const ofComponent = OF_COMPONENTS.get(name);
  if (ofComponent !== undefined)
    return `## Options\n\nIn \`components.<domain>.${name}\`:\n\n${optionTable(ofComponent)}`;
  const { fields } = moduleOptions.shape as { fields: Readonly<{ [name: string]: Option<unknown> }> };
  const option = fields[name];
  if (option === undefined) return '## Options\n\nNone.\n';
  return `## Options\n\nIn \`domains.<domain>.options.${name}\`:\n\n${optionTable(option)}`;
}

/** What it does with its host; nothing of what it does not do. */
function sections({ hooks, iqs, nonzas, stores, lends, borrows }: Workings): string[] {
  const section = (title: string, names: readonly string[], rows: readonly (readonly string[])[]) =>
    rows.length === 0
      ? ''
      : `## ${title}\n\n${table(names, [...new Map(rows.map((row) => [row.join(), row])).values()])}`;
  return [
    section(
      'Hooks',
      ['hook', 'priority'],
      hooks.map(({ name, priority }) => [code(name), String(priority)]),
    ),
    section(
      'Requests',
      ['iq', 'to', 'namespace', 'element'],
      iqs.map(({ type, address, ns, name }) => [type, address, code(ns), code(name)]),
    ),
    section('First-level elements', ['namespace'], [...nonzas.map((ns) => [code(ns)])]),
    section(
      'Stores',
      ['store', 'kind'],
      stores.map(({ name, kind }) => [code(name), kind]),
    ),
    section('Parts', ['part', ''], [...lends.map((part) => [part, 'lent']), ...borrows.map((part) => [part, 'used'])]),
  ];
}

const page = (name: string): string => `[${name}](${name}.md)`;
const code = (text: string): string => `\`${text}\``;

function table(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`.replaceAll('|  |', '| |');
  return `${line(names)}${line(names.map(() => '---'))}${rows.map(line).join('')}`;
}
