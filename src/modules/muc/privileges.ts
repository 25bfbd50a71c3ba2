// Who may do what (XEP-0045 section 5): roles last as long as a visit, affiliations as long as the room.

import { conflict, forbidden, notAllowed } from './names.js';

export const AFFILIATIONS = ['outcast', 'none', 'member', 'admin', 'owner'] as const;
export type Affiliation = (typeof AFFILIATIONS)[number];

export const ROLES = ['none', 'visitor', 'participant', 'moderator'] as const;
export type Role = (typeof ROLES)[number];

/** Below, at or above 0. */
export const ranks = (a: Affiliation, b: Affiliation): number => AFFILIATIONS.indexOf(a) - AFFILIATIONS.indexOf(b);
export const isAtLeast = (a: Affiliation, b: Affiliation): boolean => ranks(a, b) >= 0;

export const affiliationOf = (text: string | undefined): Affiliation | undefined =>
  AFFILIATIONS.find((each) => each === text);
export const roleOf = (text: string | undefined): Role | undefined => ROLES.find((each) => each === text);

/** Section 5.1.2: the role that somebody enters with. */
export function initialRole(affiliation: Affiliation, moderated: boolean): Role {
  if (isAtLeast(affiliation, 'admin')) return 'moderator';
  return moderated && affiliation === 'none' ? 'visitor' : 'participant';
}

interface Standing {
  readonly role: Role;
  readonly affiliation: Affiliation;
}

/** Sections 8.2 to 8.4, 9.6 and 9.7. Throws StanzaError when `actor` may not give `target` this role. */
export function checkRole(actor: Standing, target: Standing, role: Role): void {
  if (actor.role !== 'moderator') throw forbidden();
  if (role === 'none') {
    if (ranks(target.affiliation, actor.affiliation) > 0) throw notAllowed();
    return;
  }
  if ((role === 'moderator' || target.role === 'moderator') && role !== target.role) {
    if (!isAtLeast(actor.affiliation, 'admin')) throw forbidden();
    if (isAtLeast(target.affiliation, 'admin')) throw notAllowed();
  }
  if (role === 'visitor') checkVoice(actor.affiliation, target.affiliation);
}

/** Section 8.4. Who has no affiliation has no level that another could be at. */
function checkVoice(actor: Affiliation, target: Affiliation): void {
  const above = ranks(target, actor);
  if (isAtLeast(target, 'admin') || above > 0 || (above === 0 && target !== 'none')) throw notAllowed();
}

/** Sections 9.1 to 9.5 and 10.3 to 10.8; `self`: it is the actor's own. Throws StanzaError. */
export function checkAffiliation(actor: Affiliation, target: Affiliation, wanted: Affiliation, self: boolean): void {
  if (!isAtLeast(actor, 'admin')) throw forbidden();
  if (self && wanted === 'outcast') throw conflict('nobody bans himself');
  if (actor === 'owner') return;
  if (wanted === 'outcast' && isAtLeast(target, 'admin')) throw notAllowed();
  if (isAtLeast(target, 'admin') || isAtLeast(wanted, 'admin')) throw forbidden();
}
