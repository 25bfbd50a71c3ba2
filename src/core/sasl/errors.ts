// Why an attempt to log in fails, as the client is told.

/** The defined conditions of RFC 6120 section 6.5. */
export const SASL_CONDITIONS = [
  'aborted',
  'account-disabled',
  'credentials-expired',
  'encryption-required',
  'incorrect-encoding',
  'invalid-authzid',
  'invalid-mechanism',
  'malformed-request',
  'mechanism-too-weak',
  'not-authorized',
  'temporary-auth-failure',
] as const;

export type SaslCondition = (typeof SASL_CONDITIONS)[number];

/** Answers an attempt to log in. `text` is for people; it tells nothing of whether an account exists. */
export class SaslError extends Error {
  override readonly name = 'SaslError';

  constructor(
    readonly condition: SaslCondition,
    readonly text?: string,
  ) {
    super(text === undefined ? condition : `${condition}: ${text}`);
  }
}
