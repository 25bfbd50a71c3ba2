// What rooms are told.

import type { MucOptions } from '../../config/modules.js';

export type { MucOptions } from '../../config/modules.js';

export interface RoomsOptions {
  /** Of the service, for people. */
  readonly name?: string;
  readonly muc: MucOptions;
}
