import { performAll } from '../support/plays/theatre.js';
import { deliveryRules } from './delivery-rules.js';

performAll('delivery rules', deliveryRules());
