// The documents that the modules write.

import { modules } from '../modules/index.js';
import { moduleIndex, modulePage } from './pages.js';
import { recorded } from './recorded.js';
import { specificationLines } from './specifications.js';

/** `docs/modules/README.md`, or the page of one module; undefined when there is no such module. */
export function moduleManual(name?: string): string | undefined {
  if (name === undefined) return moduleIndex(modules);
  const module = modules.find((each) => each.name === name);
  const work = recorded(modules).get(name);
  return module && work && modulePage(module, work, modules);
}

/** The names of all modules. */
export const moduleNames = (): string[] => modules.map(({ name }) => name);

/** The specifications in a few lines, for the README. */
export const specifications = (): string => specificationLines(modules);
