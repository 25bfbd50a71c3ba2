// Every .scs file here is a conversation with the server over real sockets; test/support/plays says how they are written and
// performed.

import { performAll, playsIn } from '../support/plays/theatre.js';

performAll('plays', playsIn(import.meta.dirname));
