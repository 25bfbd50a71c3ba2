// The modules that there are, in the order of the manual.

import type { ComponentModule, Module } from '../core/module.js';
import { Uploads } from '../files/uploads.js';
import { administration } from './administration/administration.js';
import { announcements } from './announcements/announcements.js';
import { bind } from './bind.js';
import { bind2 } from './bind2.js';
import { blocking } from './blocking.js';
import { carbons } from './carbons.js';
import { clientProxy } from './client-proxy.js';
import { commands } from './commands/commands.js';
import { csi } from './csi.js';
import { disco } from './disco.js';
import { fast } from './fast.js';
import { last } from './last.js';
import { mam } from './mam.js';
import { message } from './message.js';
import { muc } from './muc/muc.js';
import { offline } from './offline.js';
import { ping } from './ping.js';
import { presence } from './presence.js';
import { privateXml } from './private.js';
import { avatars } from './pubsub/avatars.js';
import { pep } from './pubsub/pep.js';
import { pubsub } from './pubsub/service.js';
import { register } from './register.js';
import { roster } from './roster.js';
import { sasl2 } from './sasl2.js';
import { saslauth } from './saslauth.js';
import { streamLimits } from './stream-limits.js';
import { streamManagement } from './stream-management.js';
import { time } from './time.js';
import { upload } from './upload/upload.js';
import { vcard } from './vcard.js';
import { version } from './version.js';

export const modules: readonly Module[] = [
  saslauth,
  sasl2,
  fast,
  register,
  bind,
  bind2,
  streamLimits,
  roster,
  presence,
  blocking,
  message,
  offline,
  carbons,
  mam,
  streamManagement,
  csi,
  disco,
  commands,
  administration,
  announcements,
  ping,
  version,
  time,
  last,
  vcard,
  privateXml,
  pep,
  avatars,
];

/** What components can do; `uploads`: where files come and go. */
export const componentModules = (uploads = new Uploads()): readonly ComponentModule[] => [
  muc,
  clientProxy,
  pubsub,
  upload(uploads),
];
