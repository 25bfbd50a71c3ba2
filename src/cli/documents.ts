// `bosh-server config ...`: the configuration in effect, and the documents that the schema writes.

import { editorSchema } from '../config/editor.js';
import { exampleFile, printedFile } from '../config/example.js';
import { load } from '../config/load.js';
import { manual } from '../config/manual.js';
import type { Terminal } from './terminal.js';

/** Prints it; undefined when there is no such document. */
export function printDocument(what: string, terminal: Terminal): number | undefined {
  const text = document(what, terminal);
  if (text === undefined) return undefined;
  terminal.print(text.trimEnd());
  return 0;
}

/** `config modules`, `config modules NAME`, `config specifications`; undefined when there is no such module. */
export async function printManual(name: string | undefined, what: string, terminal: Terminal) {
  const { moduleManual, specifications } = await import('../manual/manual.js');
  const text = what === 'specifications' ? specifications() : moduleManual(name);
  if (text !== undefined) terminal.print(text.trimEnd());
  return text === undefined ? undefined : 0;
}

function document(what: string, terminal: Terminal): string | undefined {
  switch (what) {
    case 'print':
      return printed(terminal);
    case 'docs':
      return manual();
    case 'schema':
      return JSON.stringify(editorSchema(), null, 2);
    case 'example':
      return exampleFile();
    default:
      return undefined;
  }
}

function printed(terminal: Terminal): string {
  const { config, where } = load(terminal);
  return printedFile(config, where);
}
