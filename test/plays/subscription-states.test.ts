import { performAll } from '../support/plays/theatre.js';
import { subscriptionStates } from './subscription-states.js';

performAll('subscription states', subscriptionStates());
