// How these processes use V8; who embeds the server decides that for himself. When little was going on for some seconds, V8
// collects all garbage three times in a row to hand some memory back: whoever says something then waits for 10 to 25 ms.
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--no-memory-reducer-for-small-heaps');
