// The documents that the modules write.

import { componentModules as allComponentModules, modules } from '../modules/index.js';
import { moduleIndex, modulePage } from './pages.js';
import { recorded } from './recorded.js';
import { specificationLines } from './specifications.js';

const componentModules = allComponentModules();

/** `docs/modules/README.md`, or the page of one module; undefined when there is no such module. */
export function moduleManual(name?: string): string | undefined {
  if (name === undefined) return moduleIndex(modules, componentModules);
  const work = recorded(modules, componentModules).get(name);
  const module = modules.find((each) => each.name === name);
  if (work !== undefined && module !== undefined) return modulePage(module, work, modules);
  const ofComponents = componentModules.find((each) => each.name === name);
  return work && ofComponents && modulePage(ofComponents, work, componentModules);
}

/** The names of all modules. */
export const moduleNames = (): string[] => [...modules, ...componentModules].map(({ name }) => name);

/** The specifications in a few lines, for the README. */
export const specifications = (): string => specificationLines([...modules, ...componentModules]);
